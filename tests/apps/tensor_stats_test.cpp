// Statistics of arrays: by hand, far from 0, and with numbers that are none.
#include "apps/tensor_stats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace tl::test {
namespace {

template <class T>
TensorStats stats(const std::vector<T>& values) {
  return stats_of(Array::copy_of<T>({static_cast<std::int64_t>(values.size())}, values));
}

}  // namespace

TEST_CASE("smallest, largest, mean and deviation") {
  const TensorStats s = stats<float>({1, -3, 2, 4});
  CHECK(s.min == -3);
  CHECK(s.max == 4);
  CHECK(s.mean == 1);
  CHECK(s.deviation == doctest::Approx(std::sqrt((0 + 16 + 1 + 9) / 4.0)));
  CHECK(s.nans == 0);
  CHECK(stats<std::uint8_t>({200, 100}).mean == 150);
  CHECK(stats<std::int32_t>({-5}).min == -5);
}

TEST_CASE("a mean far from 0 does not hide the deviation") {
  const TensorStats s = stats<double>({1e9 + 1, 1e9 - 1, 1e9 + 1, 1e9 - 1});
  CHECK(s.mean == 1e9);
  CHECK(s.deviation == doctest::Approx(1));
}

TEST_CASE("NaNs are counted and left out") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const TensorStats s = stats<float>({nan, 2, nan, 4});
  CHECK(s.nans == 2);
  CHECK(s.min == 2);
  CHECK(s.mean == 3);
  CHECK(s.deviation == 1);
  CHECK(stats<float>({nan}).nans == 1);
  CHECK(stats<float>({}).mean == 0);
}

}  // namespace tl::test
