// CUDA's mathematical functions that <cmath> lacks. The last bits may differ from a GPU's.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/simt/race.h"

namespace tl::simt {

using std::max;
using std::min;

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
/// A product that is never joined with a sum.
inline double __dmul_rn(double x, double y) { return x * y; }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }

template <class T>
TL_SIMT_INLINE T __ldg(const T* place) {
  return *place;
}

}  // namespace tl::simt
