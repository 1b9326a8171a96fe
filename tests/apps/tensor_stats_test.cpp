// Statistics of arrays and distances between them: by hand, far from 0, and with numbers that are
// none.
#include "apps/tensor_stats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace tl::test {
namespace {

template <class T>
Array array_of(const std::vector<T>& values) {
  return Array::copy_of<T>({static_cast<std::int64_t>(values.size())}, values);
}

template <class T>
TensorStats stats(const std::vector<T>& values) {
  return stats_of(array_of(values));
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

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

TEST_CASE("what is not finite is counted and left out") {
  const TensorStats s = stats<float>({kNan, 2, -kInf, kNan, 4, kInf, kInf});
  CHECK(s.nans == 2);
  CHECK(s.infinities == 3);
  CHECK(!s.is_finite());
  CHECK(s.min == 2);
  CHECK(s.max == 4);
  CHECK(s.mean == 3);
  CHECK(s.deviation == 1);
  CHECK(stats<float>({kNan}).nans == 1);
  CHECK(stats<float>({kInf}).max == 0);
  CHECK(stats<float>({}).mean == 0);
  CHECK(stats<float>({1}).is_finite());
}

TEST_CASE("distance: largest, relative, and bits") {
  const TensorDistance d =
      distance_between(array_of<float>({1, 2, 2}), array_of<float>({1, 5, -2}));
  CHECK(!d.is_equal);
  CHECK(d.largest == 4);
  CHECK(d.relative == doctest::Approx(5 / std::sqrt(30.0)));
  CHECK(distance_between(array_of<float>({1, kNan}), array_of<float>({1, kNan})).is_equal);
  CHECK(distance_between(array_of<float>({}), array_of<float>({})).is_equal);
  const TensorDistance zero = distance_between(array_of<float>({0}), array_of<float>({-0.f}));
  CHECK(!zero.is_equal);
  CHECK(zero.largest == 0);
  CHECK(zero.relative == 0);
  CHECK(std::isinf(distance_between(array_of<float>({1}), array_of<float>({0})).relative));
}

TEST_CASE("distance: two dtypes of the same numbers are equal") {
  CHECK(distance_between(array_of<float>({0.1f, -3}), array_of<double>({0.1f, -3})).is_equal);
  CHECK(!distance_between(array_of<float>({0.1f}), array_of<double>({0.1})).is_equal);
  CHECK(distance_between(array_of<std::int32_t>({7}), array_of<std::uint8_t>({7})).is_equal);
}

TEST_CASE("distance: what is not finite is counted, and the rest compared") {
  const TensorDistance d =
      distance_between(array_of<float>({kNan, 1, kInf, 4}), array_of<float>({1, 3, kInf, 4}));
  CHECK(!d.is_equal);
  CHECK(d.not_finite_in_a == 2);
  CHECK(d.not_finite_in_b == 1);
  CHECK(d.largest == 2);
  CHECK(d.relative == doctest::Approx(2 / 5.0));
  const Array column = Array::copy_of<float>({2, 1}, std::vector<float>{1, 2});
  CHECK_THROWS_WITH_AS(distance_between(array_of<float>({1, 2}), column),
                       "distance: shapes [2] and [2, 1]", Error);
}

}  // namespace tl::test
