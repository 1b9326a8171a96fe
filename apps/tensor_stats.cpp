#include "apps/tensor_stats.h"

#include <algorithm>
#include <cmath>

#include "kernels/dtype.h"

namespace tl {

TensorStats stats_of(const Array& array) {
  TensorStats s;
  with_type(array.dtype, [&]<class T>(T) {
    std::int64_t count = 0;
    double sum = 0;
    for (const T element : array.as<T>()) {
      const double x = static_cast<double>(element);
      if (std::isnan(x)) {
        ++s.nans;
        continue;
      }
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
      if (!std::isnan(d)) squares += d * d;
    }
    s.deviation = std::sqrt(squares / static_cast<double>(count));
  });
  return s;
}

}  // namespace tl
