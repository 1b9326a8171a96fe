// TensorStats: an array in a few numbers.
#pragma once

#include <cstdint>

#include "io/weights_file.h"

namespace tl {

/// Smallest, largest, mean and deviation (the population's) of the elements that are no NaN; 0
/// without any. Infinities count as they are.
struct TensorStats {
  double min = 0, max = 0, mean = 0, deviation = 0;
  std::int64_t nans = 0;
};
TensorStats stats_of(const Array& array);

}  // namespace tl
