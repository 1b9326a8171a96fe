// Warps: what lanes expect of each other without saying so.
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr int kThreads = 64;

template <auto kernel, class F>
bool is_right(const F& expected) {
  const Array<float> x(counting(kThreads)), y(kThreads);
  launch<kernel>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), expected);
}

// ---- shared memory of a warp --------------------------------------------------------------------

/// Right if lanes run in step, which they do not.
template <bool mended>
__global__ void exchange(const float* x, float* y) {
  __shared__ float box[kThreads];
  const int i = threadIdx.x;
  box[i] = x[i];
  if constexpr (mended) __syncwarp();
  y[i] = box[i ^ 1];
}

template <bool mended>
bool exchanges() {
  return is_right<exchange<mended>>([](int i) { return i ^ 1; });
}

/// Each half of the warp meets, and then reads what the other half wrote.
template <bool mended>
__global__ void exchange_halves(const float* x, float* y) {
  __shared__ float box[kThreads];
  const int i = threadIdx.x;
  box[i] = x[i];
  if constexpr (mended) {
    __syncwarp();
  } else {
    __syncwarp(i % 32 < 16 ? 0x0000ffffu : 0xffff0000u);
  }
  y[i] = box[i ^ 16];
}

template <bool mended>
bool exchanges_halves() {
  return is_right<exchange_halves<mended>>([](int i) { return i ^ 16; });
}

/// A __syncwarp where a __syncthreads is needed.
template <bool mended>
__global__ void exchange_warps(const float* x, float* y) {
  __shared__ float box[kThreads];
  const int i = threadIdx.x;
  box[i] = x[i];
  if constexpr (mended) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  y[i] = box[i ^ 32];
}

template <bool mended>
bool exchanges_warps() {
  return is_right<exchange_warps<mended>>([](int i) { return i ^ 32; });
}

/// Lanes wait for each other in a shuffle, but that orders no memory. Here it does, as it happens.
template <bool mended>
__global__ void shuffle_for_barrier(const float* x, float* y) {
  __shared__ float box[kThreads];
  const int i = threadIdx.x;
  box[i] = x[i];
  const float own = __shfl_sync(FULL_WARP, x[i], i % 32);
  if constexpr (mended) __syncwarp();
  y[i] = box[i ^ 1] - own + x[i];
}

template <bool mended>
bool shuffles_for_barrier() {
  return is_right<shuffle_for_barrier<mended>>([](int i) { return i ^ 1; });
}

// ---- masks --------------------------------------------------------------------------------------

/// The mask lacks the lanes that call.
template <bool mended>
__global__ void sum_all(const float* x, float* y) {
  float value = x[threadIdx.x];
  value += __shfl_xor_sync(mended ? FULL_WARP : 0x0000ffffu, value, 1);
  y[threadIdx.x] = value;
}

template <bool mended>
bool sums_all() {
  return is_right<sum_all<mended>>([](int i) { return i + (i ^ 1); });
}

/// The value wanted is that of a lane outside the mask.
template <bool mended>
__global__ void from_outside(const float* x, float* y) {
  const int i = threadIdx.x;
  y[i] = i % 32 < 16 ? __shfl_sync(0x0000ffffu, x[i], mended ? 0 : 20) : x[i];
}

template <bool mended>
bool takes_from_outside() {
  return is_right<from_outside<mended>>([](int i) { return i % 32 < 16 ? i / 32 * 32 : i; });
}

/// Threads past the end have returned, and are still asked for their values.
template <bool mended>
__global__ void take_right(const float* x, float* y) {
  const int i = threadIdx.x, n = kThreads - 10;
  if (!mended && i >= n) return;
  const float right = __shfl_down_sync(FULL_WARP, x[i], 1);
  y[i] = i % 32 == 31 || i >= n ? x[i] : right;
  if (!mended) y[kThreads - 1] = 0;
}

template <bool mended>
bool takes_right() {
  return is_right<take_right<mended>>(
      [](int i) { return i % 32 == 31 || i >= kThreads - 10 ? i : i + 1; });
}

template <bool mended>
__global__ void take_first_of_12(const float* x, float* y) {
  y[threadIdx.x] = __shfl_sync(FULL_WARP, x[threadIdx.x], 0, mended ? 16 : 12);
}

template <bool mended>
bool takes_first() {
  return is_right<take_first_of_12<mended>>([](int i) { return i / 16 * 16; });
}

/// A reduction that begins at half of a half warp.
template <bool mended>
__global__ void sum_warp(const float* x, float* y) {
  float sum = x[threadIdx.x];
  for (int delta = mended ? 16 : 8; delta > 0; delta /= 2) {
    sum += __shfl_xor_sync(FULL_WARP, sum, delta);
  }
  y[threadIdx.x] = sum;
}

template <bool mended>
bool sums_warp() {
  return is_right<sum_warp<mended>>([](int i) { return 31 * 16 + i / 32 * 1024; });
}

}  // namespace

std::vector<Bug> warp_bugs() {
  constexpr const char* kRace = "no barrier and no __syncwarp between them";
  constexpr const char *kForeign = "does not contain the calling",
                       *kGone = "which is not in the mask or has returned",
                       *kWidth = "not a power of two up to 32";
  return {
      {"missing_syncwarp",
       "lanes are expected to run in step",
       exchanges<false>,
       {kWrong, nullptr, "nobody has written in this block"},
       exchanges<true>},
      {"syncwarp_of_halves",
       "a mask that leaves out those whose values are read",
       exchanges_halves<false>,
       {nullptr, nullptr, kRace},
       exchanges_halves<true>},
      {"syncwarp_for_syncthreads",
       "values of another warp are read after a __syncwarp",
       exchanges_warps<false>,
       {nullptr, nullptr, "no barrier between them"},
       exchanges_warps<true>},
      {"shuffle_for_syncwarp",
       "a shuffle is expected to order shared memory",
       shuffles_for_barrier<false>,
       {nullptr, nullptr, kRace},
       shuffles_for_barrier<true>},
      {"mask_without_caller",
       "half a mask where all lanes call",
       sums_all<false>,
       {kForeign, kForeign, kForeign},
       sums_all<true>},
      {"shuffle_from_outside_mask",
       "the value of a lane that the mask leaves out",
       takes_from_outside<false>,
       {kGone, kGone, kGone},
       takes_from_outside<true>},
      {"shuffle_from_returned_lane",
       "the guard for the end returned before a shuffle",
       takes_right<false>,
       {kGone, kGone, kGone},
       takes_right<true>},
      {"shuffle_width",
       "12 lanes wide",
       takes_first<false>,
       {kWidth, kWidth, kWidth},
       takes_first<true>},
      {"half_a_reduction",
       "the first step of a warp's sum is missing",
       sums_warp<false>,
       {kWrong, kWrong, kWrong},
       sums_warp<true>},
  };
}

}  // namespace tl::simt::bugs
