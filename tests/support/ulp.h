// Distances of f32 results from exact ones, counted in units in the last place.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace tl::test {

/// |found - exact| in steps of f32 at `exact`; 0 for equal infinities and for two NaN, infinity
/// where only one of the two is NaN or infinite. `exact` is rounded first where f32 has no such
/// number.
inline double ulp_distance(double found, double exact) {
  if (std::isnan(found) || std::isnan(exact)) {
    return std::isnan(found) && std::isnan(exact) ? 0 : std::numeric_limits<double>::infinity();
  }
  const double rounded = static_cast<double>(static_cast<float>(exact));
  if (std::isinf(found) || std::isinf(rounded)) {
    return found == rounded ? 0 : std::numeric_limits<double>::infinity();
  }
  int exponent = 0;
  std::frexp(exact, &exponent);  // exact = m * 2^exponent with m in [1/2, 1)
  const double step = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::abs(found - exact) / step;
}

/// Each number within `bound` steps of the exact one.
inline void check_ulp(const std::vector<double>& found, const std::vector<double>& exact,
                      double bound) {
  REQUIRE(found.size() == exact.size());
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    largest = std::max(largest, ulp_distance(found[i], exact[i]));
  }
  INFO("largest distance ", largest, " ulp");
  CHECK(largest <= bound);
}

}  // namespace tl::test
