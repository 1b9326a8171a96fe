// warp_reduce, block_reduce: many values become one, always in the same order.
//
// A value is any struct of 32-bit words whose T{} is the identity of `merge`. merge need not be
// commutative: values are joined in a fixed tree, lower lane first, so results have the same bits
// in every run.
#pragma once

#include <cstdint>

#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// The value of the lane `delta` above.
template <class T>
__device__ T shuffle_down(const T& value, int delta) {
  static_assert(sizeof(T) % sizeof(unsigned) == 0);
  constexpr int kWords = sizeof(T) / sizeof(unsigned);
  union Words {  // CUDA shuffles numbers, not structs
    T value;
    unsigned word[kWords];
  };
  Words words{value};
#pragma unroll
  for (int i = 0; i < kWords; ++i)
    words.word[i] = __shfl_down_sync(FULL_WARP, words.word[i], delta);
  return words.value;
}

/// The total of the warp, in lane 0; the other lanes get partial totals. All 32 lanes call it.
template <class T, class Merge>
__device__ T warp_reduce(T value, const Merge& merge) {
#pragma unroll
  for (int delta = 16; delta > 0; delta /= 2) value = merge(value, shuffle_down(value, delta));
  return value;
}

/// The total of a one-dimensional block of `threads` threads, in thread 0. All of them call it.
template <int threads, class T, class Merge>
static __device__ T block_reduce(T value, const Merge& merge) {
  static_assert(threads % 32 == 0 && threads <= 1024);
  constexpr int kWarps = threads / 32;
  __shared__ T warp_total[kWarps];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  value = warp_reduce(value, merge);
  if (lane == 0) warp_total[warp] = value;
  __syncthreads();
  if (warp == 0) value = warp_reduce(lane < kWarps ? warp_total[lane] : T{}, merge);
  __syncthreads();  // warp_total is free for the next call
  return value;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
