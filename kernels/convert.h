// Conversions of numbers between element types, with a result for every number there is.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>

#include "kernels/dtype.h"

namespace tl {

/// As memory.cast converts. A conversion outside the range would be undefined in C++.
template <class To, class From>
constexpr To saturated_cast(From x) {
  if constexpr (std::integral<To>) {
    // Comparing in double is exact: it holds every From and both ends of every To.
    constexpr double least = std::numeric_limits<To>::min(), most = std::numeric_limits<To>::max();
    const double value = x;
    if (value >= most) return std::numeric_limits<To>::max();
    if (value <= least) return std::numeric_limits<To>::min();
    return value == value ? static_cast<To>(value) : To{0};  // the comparison is false for NaN
  } else {
    return static_cast<To>(x);
  }
}

/// `value` rounded to T; throws, naming `op`, when T is an integer type that does not hold it.
template <class T>
T rounded(const char* op, double value) {
  if constexpr (std::integral<T>) {
    const double whole = std::nearbyint(value);
    check(whole >= std::numeric_limits<T>::min() && whole <= std::numeric_limits<T>::max(), op,
          ": ", value, " does not fit into ", dtype_of<T>());
    return static_cast<T>(whole);
  } else {
    return static_cast<T>(value);
  }
}

}  // namespace tl
