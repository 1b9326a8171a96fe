// Words: numbers of 1, 2, 4, 8 or 16 bytes whose meaning does not matter. Kernels that only move
// elements are written for words: all dtypes of one size are one kernel, and runs of small elements
// are moved as a few large words where sizes and addresses allow it.
#pragma once

#include <cstdint>

#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// Calls f(W{}) with W a type of `bytes` bytes.
template <class F>
void with_word(std::int64_t bytes, const F& f) {
  switch (bytes) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    case 8:
      return f(Pack<std::uint32_t, 2>{});
    case 16:
      return f(Pack<std::uint32_t, 4>{});
    default:
      throw Error(concat("with_word: no words of ", bytes, " bytes"));
  }
}

template <class W>
__device__ W load_word(const W* from) {
  check_aligned(from, sizeof(W));
  return *from;
}
template <class W>
__device__ void store_word(W* to, const W& word) {
  check_aligned(to, sizeof(W));
  *to = word;
}

/// The largest word, of `element` bytes at least, of which all of `bytes` are multiples: sizes,
/// distances and addresses.
template <class... Bytes>
std::int64_t largest_word(std::int64_t element, Bytes... bytes) {
  std::int64_t word = kVectorBytes;
  while (word > element && ((bytes % word != 0) || ...)) word /= 2;
  return word;
}

inline std::int64_t address_of(const void* data) {
  return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(data));
}

}  // namespace tl::TL_DEVICE_NAMESPACE
