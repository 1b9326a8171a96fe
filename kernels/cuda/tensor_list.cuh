// TensorList: one launch for many tensors of any sizes. A network has many small parameters, so
// their addresses travel in the kernel's own parameters, by value, as many as fit there; the blocks
// of the launch are dealt out to the tensors in runs.
//
//   struct Entry { float* w; ...; std::int64_t size; };           what the kernel knows of a tensor
//   __global__ void step(TensorList<Entry> list, float rate) {
//     list.for_each_element([&](const Entry& t, std::int64_t i) { t.w[i] *= rate; });
//   }
//   launch_over_tensors<step>(stream, entries, rate);             entries: a range of Entry
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/grid_stride.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// Elements of a tensor that one block has.
inline constexpr std::int64_t kElementsPerBlock = 8 * kThreads;

template <class Entry>
struct TensorList {
  /// A kernel takes 4 KB of parameters; some of them are left to others.
  static constexpr int kMost = 3584 / static_cast<int>(sizeof(Entry) + sizeof(std::uint32_t));

  Entry entry[kMost];
  std::uint32_t first_block[kMost];
  int count = 0;

  /// The place in the list of the tensor that the calling block works on.
  __device__ int place() const {
    int low = 0, high = count;  // first_block[low] <= blockIdx.x < first_block[high]
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (first_block[middle] <= blockIdx.x ? low : high) = middle;
    }
    return low;
  }
  /// Calls f(entry, i) for the elements of the calling thread.
  template <class F>
  __device__ void for_each_element(const F& f) const {
    const int k = place();
    const Entry& t = entry[k];
    const std::int64_t first = (blockIdx.x - first_block[k]) * kElementsPerBlock;
    const std::int64_t end = min(first + kElementsPerBlock, t.size);
    for (std::int64_t i = first + threadIdx.x; i < end; i += kThreads) f(t, i);
  }
};

/// Runs kernel(list, arguments...) on all entries, in as few launches as hold them.
template <auto kernel, class Entries, class... Arguments>
void launch_over_tensors(Stream stream, const Entries& entries, const Arguments&... arguments) {
  using Entry = typename Entries::value_type;
  TensorList<Entry> list = {};
  std::int64_t blocks = 0;
  const auto flush = [&] {
    if (list.count == 0) return;
    launch<kernel>(static_cast<unsigned>(blocks), kThreads, 0, native(stream), list, arguments...);
    list.count = 0;
    blocks = 0;
  };
  for (const Entry& entry : entries) {
    if (entry.size == 0) continue;
    if (list.count == list.kMost) flush();
    list.entry[list.count] = entry;
    list.first_block[list.count++] = static_cast<std::uint32_t>(blocks);
    blocks += ceil_div(entry.size, kElementsPerBlock);
  }
  flush();
}

}  // namespace tl::TL_DEVICE_NAMESPACE
