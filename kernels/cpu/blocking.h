// How a product of [rows, depth] and [depth, columns] is cut into chunks for threads: by shape
// only, so that results do not depend on the thread count.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tl::cpu {

/// Half-open range of indices.
struct Range {
  std::int64_t begin = 0, end = 0;
  std::int64_t size() const { return end - begin; }
};

/// Part `i` of [0, size) cut into `parts` nearly equal ones.
inline Range part_of(std::int64_t size, std::int64_t parts, std::int64_t i) {
  return {size * i / parts, size * (i + 1) / parts};
}

inline Range part_of(Range range, std::int64_t parts, std::int64_t i) {
  const Range part = part_of(range.size(), parts, i);
  return {range.begin + part.begin, range.begin + part.end};
}

/// Floats of a block of Winograd's transformed tiles and their products, where each block reads the
/// whole filter. They stay in the cache that threads share, beside the filter; one that is too
/// large for it comes from memory, so blocks are few then.
inline std::int64_t winograd_block_floats(std::int64_t filter_floats) {
  constexpr std::int64_t kMega = 1024 * 1024;
  return filter_floats <= 4 * kMega ? kMega * 3 / 2 : 8 * kMega;
}

/// A grid of chunks over rows and column panels.
struct ChunkGrid {
  std::int64_t row_parts = 1, panel_parts = 1;
  std::int64_t chunks() const { return row_parts * panel_parts; }
};

/// Row parts of at most `max_rows`. Panels are cut as well where rows alone give too few chunks to
/// keep several threads busy.
inline ChunkGrid cut_into_chunks(std::int64_t rows, std::int64_t panels, std::int64_t max_rows) {
  constexpr std::int64_t kEnoughChunks = 16;
  ChunkGrid grid;
  grid.row_parts = std::max<std::int64_t>(1, (rows + max_rows - 1) / max_rows);
  grid.panel_parts = std::clamp<std::int64_t>(kEnoughChunks / grid.row_parts, 1,
                                              std::max<std::int64_t>(1, panels));
  return grid;
}

constexpr std::int64_t kLineFloats = 16;  // of a cache line

/// Rounds a number of floats up to whole cache lines.
inline std::int64_t align_floats(std::int64_t floats) {
  return (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
}

/// To an odd number of cache lines, so that what is read together from places so far apart does not
/// compete for the same sets of the cache.
inline std::int64_t odd_lines(std::int64_t floats) {
  return (align_floats(floats) / kLineFloats | 1) * kLineFloats;
}

}  // namespace tl::cpu
