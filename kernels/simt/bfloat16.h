// __nv_bfloat16 and its conversions. Here it is the storage type of all kernels itself: both are
// the same 16 bits, and both round to the nearest, ties to even.
#pragma once

#include "kernels/bfloat16.h"

namespace tl::simt {

using __nv_bfloat16 = BFloat16;

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

inline __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return {__nv_bfloat16(x), __nv_bfloat16(y)};
}
inline float __low2float(__nv_bfloat162 v) { return v.x; }
inline float __high2float(__nv_bfloat162 v) { return v.y; }

}  // namespace tl::simt
