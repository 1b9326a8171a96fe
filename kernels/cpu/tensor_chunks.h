// parallel_tensors: one parallel_for over the elements of many tensors, as an optimizer step needs
// it: a network has a hundred small tensors and a few large ones.
#pragma once

#include <span>

#include "kernels/cpu/ranges.h"

namespace tl::cpu {

/// Calls f(tensor, Range) for every chunk of every tensor; `Tensor` has a View `w`. No list of
/// chunks is made: finding a chunk's tensor by counting is far cheaper than its work.
template <class Tensor, class F>
void parallel_tensors(std::span<const Tensor> tensors, const F& f) {
  std::int64_t total = 0;
  for (const Tensor& tensor : tensors) total += chunks_of(tensor.w.size, kChunk);
  parallel_for(total, [&](std::int64_t chunk, int) {
    for (const Tensor& tensor : tensors) {
      const std::int64_t own = chunks_of(tensor.w.size, kChunk);
      if (chunk < own) return f(tensor, chunk_range(tensor.w.size, kChunk, chunk));
      chunk -= own;
    }
  });
}

}  // namespace tl::cpu
