// An array in a few numbers, and two arrays compared.
#pragma once

#include <cstdint>

#include "io/weights_file.h"

namespace tl {

/// Smallest, largest, mean and deviation (the population's) of the finite elements; 0 without any.
struct TensorStats {
  double min = 0, max = 0, mean = 0, deviation = 0;
  std::int64_t nans = 0, infinities = 0;

  bool is_finite() const { return nans == 0 && infinities == 0; }
};
TensorStats stats_of(const Array& array);

/// How far a is from b. Elements that are not finite in both enter is_equal alone.
struct TensorDistance {
  bool is_equal = true;  ///< all elements, bit for bit; of two dtypes, as f64
  double largest = 0;    ///< max |a - b|
  double relative = 0;   ///< ||a - b|| / ||b||; infinite where b is 0 and a is not
  std::int64_t not_finite_in_a = 0, not_finite_in_b = 0;
};
/// Throws Error unless the shapes are the same.
TensorDistance distance_between(const Array& a, const Array& b);

}  // namespace tl
