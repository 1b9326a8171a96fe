// Packs: several neighbouring elements loaded or stored by one instruction, 16 bytes at most. A
// warp then asks for the same bytes with a quarter or an eighth of the instructions.
//
//   if (is_aligned_for<8>(x)) launch<kernel<8>>(...)     on the host: may this kernel use packs?
//   float v[8];
//   load_floats(x + 8 * i, v);                           BFloat16 or float in memory
//   store_floats(y + 8 * i, v);
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/cuda/compat.cuh"
#include "kernels/dtype.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#else
#include "kernels/simt/bfloat16.h"
#endif

namespace tl::TL_DEVICE_NAMESPACE {

/// Bytes that one thread loads or stores at once, at most.
inline constexpr int kVectorBytes = 16;

/// Elements of T in so many bytes: 4 floats, 8 BFloat16.
template <class T>
inline constexpr int kVectorOf = kVectorBytes / static_cast<int>(sizeof(T));

template <class T, int N>
struct alignas(N * sizeof(T)) Pack {
  static_assert(N * sizeof(T) <= kVectorBytes && (N & (N - 1)) == 0);
  T x[N];
};

/// Whether packs of N elements may begin at `data`, and then at every N-th element after it. True
/// for nullptr.
template <int N, class T>
bool is_aligned_for(const T* data) {
  return reinterpret_cast<std::uintptr_t>(data) % (N * sizeof(T)) == 0;
}

template <int N, class T>
__device__ Pack<T, N> load_pack(const T* from) {
  check_aligned(from, sizeof(Pack<T, N>));
  return *reinterpret_cast<const Pack<T, N>*>(from);
}
template <int N, class T>
__device__ void store_pack(T* to, const Pack<T, N>& pack) {
  check_aligned(to, sizeof(Pack<T, N>));
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

/// x[0] ... x[N - 1], each converted to T: what a floating-point type is rounded to. A GPU rounds
/// two floats to bf16 by one instruction; BFloat16's own arithmetic takes seven for each.
template <class T, int N, class X>
__device__ Pack<T, N> make_pack(const X (&x)[N]) {
  Pack<T, N> pack;
  if constexpr (std::is_same_v<T, BFloat16> && std::is_same_v<X, float> && N % 2 == 0) {
#pragma unroll
    for (int i = 0; i < N; i += 2) {
      const __nv_bfloat162 pair = __floats2bfloat162_rn(x[i], x[i + 1]);
      memcpy(static_cast<void*>(pack.x + i), &pair, sizeof pair);
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) pack.x[i] = static_cast<T>(x[i]);
  }
  return pack;
}

/// As floats; of more than kVectorBytes in several packs. `from` is aligned for the packs.
template <int N, class T>
__device__ void load_floats(const T* from, float (&x)[N]) {
  constexpr int kPack = N < kVectorOf<T> ? N : kVectorOf<T>;
#pragma unroll
  for (int i = 0; i < N; i += kPack) {
    const Pack<T, kPack> pack = load_pack<kPack>(from + i);
#pragma unroll
    for (int j = 0; j < kPack; ++j) x[i + j] = static_cast<float>(pack.x[j]);
  }
}
template <int N, class T>
__device__ void store_floats(T* to, const float (&x)[N]) {
  constexpr int kPack = N < kVectorOf<T> ? N : kVectorOf<T>;
#pragma unroll
  for (int i = 0; i < N; i += kPack) {
    float part[kPack];
#pragma unroll
    for (int j = 0; j < kPack; ++j) part[j] = x[i + j];
    store_pack(to + i, make_pack<T>(part));
  }
}

}  // namespace tl::TL_DEVICE_NAMESPACE
