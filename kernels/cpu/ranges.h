// How loops over elements or rows are cut into chunks for parallel_for: by shape only, so that
// results do not depend on the thread count.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/blocking.h"
#include "kernels/parallel_for.h"

namespace tl::cpu {

/// Elements per chunk: 64 KB of f32. Small enough to stay in the second-level cache between two
/// passes, large enough that handing it out (some 100 ns) does not count.
constexpr std::int64_t kChunk = 16384;

constexpr std::int64_t chunks_of(std::int64_t size, std::int64_t grain) {
  return (size + grain - 1) / grain;
}

/// Chunk `i` of [0, size) cut every `grain`.
inline Range chunk_range(std::int64_t size, std::int64_t grain, std::int64_t i) {
  return {i * grain, std::min(size, (i + 1) * grain)};
}

/// Rows of `columns` elements that make up about one chunk.
inline std::int64_t rows_per_chunk(std::int64_t columns) {
  return std::max<std::int64_t>(1, kChunk / std::max<std::int64_t>(1, columns));
}

/// Calls f(Range) for every chunk of [0, size).
template <class F>
void parallel_ranges(std::int64_t size, std::int64_t grain, const F& f) {
  parallel_for(chunks_of(size, grain),
               [&](std::int64_t i, int) { f(chunk_range(size, grain, i)); });
}

}  // namespace tl::cpu
