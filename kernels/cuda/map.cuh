// map: y[i] = f(x1[i], x2[i], ...) for every i. The loop of all kernels that look at one element at
// a time; f is a plain struct with a __device__ operator(), handed to the kernel by value.
//
// Where every buffer is aligned for it, a thread takes as many neighbouring elements at once as
// make 16 bytes of the widest type: the warp asks for whole lines with a quarter (f32) or an eighth
// (bf16) of the instructions, and more bytes are on their way at any time. Other buffers are walked
// element by element; the bits are the same.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// f of each element of some packs; what f returns is converted to Y.
template <class Y, int N, class F, class... X>
__device__ Pack<Y, N> map_packs(const F& f, const Pack<X, N>&... x) {
  decltype(f(x.x[0]...)) y[N];
#pragma unroll
  for (int i = 0; i < N; ++i) y[i] = f(x.x[i]...);
  return make_pack<Y>(y);
}

/// Packs of N elements, then the few that are left over.
template <int N, class F, class Y, class... X>
static __global__ void map_elements(F f, std::int64_t size, Y* y, const X*... x) {
  const std::int64_t packs = size / N;
  for (std::int64_t p = first_index(); p < packs; p += index_step()) {
    store_pack(y + p * N, map_packs<Y, N>(f, load_pack<N>(x + p * N)...));
  }
  if constexpr (N > 1) {
    const std::int64_t i = packs * N + first_index();
    if (i < size) y[i] = static_cast<Y>(f(x[i]...));
  }
}

/// y may be any of the x. Nothing is launched for a size of 0.
template <class F, class Y, class... X>
void map(Stream stream, const F& f, std::int64_t size, Y* y, const X*... x) {
  constexpr int kPack = kVectorBytes / static_cast<int>(std::max({sizeof(Y), sizeof(X)...}));
  if (size == 0) return;
  if (is_aligned_for<kPack>(y) && (is_aligned_for<kPack>(x) && ...)) {
    launch<map_elements<kPack, F, Y, X...>>(blocks_for(ceil_div(size, kPack)), kThreads, 0,
                                            native(stream), f, size, y, x...);
  } else {
    launch<map_elements<1, F, Y, X...>>(blocks_for(size), kThreads, 0, native(stream), f, size, y,
                                        x...);
  }
}

}  // namespace tl::TL_DEVICE_NAMESPACE
