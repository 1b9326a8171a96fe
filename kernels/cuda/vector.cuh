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

#include "kernels/cuda/compat.cuh"
#include "kernels/dtype.h"

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
    Pack<T, kPack> pack;
#pragma unroll
    for (int j = 0; j < kPack; ++j) pack.x[j] = static_cast<T>(x[i + j]);
    store_pack(to + i, pack);
  }
}

}  // namespace tl::TL_DEVICE_NAMESPACE
