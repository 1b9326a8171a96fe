// Comparing arrays so that a NaN, an unwritten element or an all-zero result cannot pass.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace tl::test {

/// Square root of the sum of squares.
inline double norm(const std::vector<double>& a) {
  double sum = 0;
  for (double v : a) sum += v * v;
  return std::sqrt(sum);
}

/// ||a - b|| / ||b||; NaN when either holds one.
inline double relative_distance(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference += (a[i] - b[i]) * (a[i] - b[i]);
  if (difference == 0) return 0;
  return std::sqrt(difference) / norm(b);
}

/// Relative distance at most `bound`; the expected array must not be all zero unless it is empty.
inline void check_close(const std::vector<double>& found, const std::vector<double>& expected,
                        double bound, const std::string& what) {
  // Not inside INFO: the logger that evaluates it cannot be entered again by a check.
  const double distance = relative_distance(found, expected);
  INFO(what, ": relative distance ", distance, ", bound ", bound);
  CHECK(distance <= bound);
  if (!expected.empty()) CHECK(norm(expected) > 0);
}

/// Relative error that the sum of `terms` products in f32 may have: unit roundoff 2^-24 for each of
/// the roundings on the longest path through blocked partial sums, at random signs: sqrt(terms),
/// times 4 for safety. A wrong term changes a sum by about 1 / sqrt(terms), far above it.
inline double f32_sum_bound(double terms) { return 4 * std::sqrt(terms + 1) * 0x1p-24; }

}  // namespace tl::test
