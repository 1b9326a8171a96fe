// How a kernel with one thread per element walks over any number of elements:
//
//   for (std::int64_t i = first_index(); i < size; i += index_step()) ...
//
// launched with blocks_for(size) blocks of kThreads. Neighbouring threads have neighbouring
// elements in every round, so that the accesses of a warp join into whole lines.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

inline constexpr int kThreads = 256;

constexpr __host__ __device__ std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Enough blocks for every element to have its thread, up to what keeps any GPU busy.
inline unsigned blocks_for(std::int64_t size) {
  constexpr std::int64_t kMaxBlocks = 1 << 15;
  return static_cast<unsigned>(std::min(ceil_div(size, kThreads), kMaxBlocks));
}

inline __device__ std::int64_t first_index() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
inline __device__ std::int64_t index_step() {
  return static_cast<std::int64_t>(gridDim.x) * blockDim.x;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
