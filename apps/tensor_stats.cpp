#include "apps/tensor_stats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/shape.h"
#include "kernels/dtype.h"

namespace tl {

TensorStats stats_of(const Array& array) {
  TensorStats s;
  with_type(array.dtype, [&]<class T>(T) {
    std::int64_t count = 0;
    double sum = 0;
    for (const T element : array.as<T>()) {
      const double x = static_cast<double>(element);
      s.nans += std::isnan(x);
      s.infinities += std::isinf(x);
      if (!std::isfinite(x)) continue;
      s.min = count ? std::min(s.min, x) : x;
      s.max = count ? std::max(s.max, x) : x;
      sum += x;
      ++count;
    }
    if (count == 0) return;
    s.mean = sum / static_cast<double>(count);
    double squares = 0;  // in a second pass: a mean far from 0 would cancel in one
    for (const T element : array.as<T>()) {
      const double d = static_cast<double>(element) - s.mean;
      if (std::isfinite(d)) squares += d * d;
    }
    s.deviation = std::sqrt(squares / static_cast<double>(count));
  });
  return s;
}

TensorDistance distance_between(const Array& a, const Array& b) {
  check(a.shape == b.shape, "distance: shapes ", Shape(a.shape), " and ", Shape(b.shape));
  TensorDistance d;
  double squares = 0, squares_of_b = 0;
  with_type(a.dtype, [&]<class A>(A) {
    with_type(b.dtype, [&]<class B>(B) {
      const auto of_a = a.as<A>();
      const auto of_b = b.as<B>();
      for (std::size_t i = 0; i < of_a.size(); ++i) {
        const double x = static_cast<double>(of_a[i]), y = static_cast<double>(of_b[i]);
        d.is_equal =
            d.is_equal && std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
        d.not_finite_in_a += !std::isfinite(x);
        d.not_finite_in_b += !std::isfinite(y);
        if (!std::isfinite(x) || !std::isfinite(y)) continue;
        d.largest = std::max(d.largest, std::abs(x - y));
        squares += (x - y) * (x - y);
        squares_of_b += y * y;
      }
    });
  });
  if (squares > 0)
    d.relative = squares_of_b > 0 ? std::sqrt(squares / squares_of_b)
                                  : std::numeric_limits<double>::infinity();
  return d;
}

}  // namespace tl
