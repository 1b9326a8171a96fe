// run_conv_product: a ConvProduct (conv2d_product.h) computed in chunks of rows x panels of
// columns, by one of three ways to the rows:
//
//   in place      rows are pixels of x (1x1): nothing is copied
//   by chunks     each chunk gathers its rows (conv2d_gather-inl.h), for all panels
//   in two steps  few rows, so that panels are shared out as well: all threads gather, then all
//                 multiply, and no row is gathered twice
//
// On the matrix unit it goes another way (conv2d_unit-inl.h).
//
// The gathered rows of one block of depth (kConvBlockFloats at most) and one panel of the filter
// stay in the second-level cache; the filter streams through once per chunk. Partial sums between
// blocks of depth stand in y. Bias and addend enter with the first block, ReLU comes with the last.
#if defined(TL_CPU_CONV2D_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_PRODUCT_INL_H_
#undef TL_CPU_CONV2D_PRODUCT_INL_H_
#else
#define TL_CPU_CONV2D_PRODUCT_INL_H_
#endif

#include <type_traits>

#include "hwy/cache_control.h"
#include "kernels/cpu/conv2d_unit-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

constexpr std::int64_t kConvBlockDepth = 2304;
constexpr std::int64_t kConvBlockFloats = 128 * 1024;

/// Size of a filter packed for a product, in floats.
inline std::int64_t packed_filter_floats(std::int64_t depth, std::int64_t columns) {
  return panels(columns) * round_up(depth, kDepthBlock) * kPanel;
}

/// Rows per chunk: what the block of gathered rows has room for.
inline std::int64_t conv_block_rows(std::int64_t depth) {
  const std::int64_t block_depth = round_up(std::min(depth, kConvBlockDepth), kDepthBlock);
  const std::int64_t tiles = kConvBlockFloats / (std::max(block_depth, kDepthBlock) * kMaxRows);
  return std::clamp<std::int64_t>(tiles, 2, 16) * kMaxRows;
}

/// Where these rows lie in y.
inline void row_offsets(const ConvProduct& p, Range rows, std::int64_t* offsets) {
  GridPlace place(p, rows.begin);
  for (std::int64_t i = 0; i < rows.size(); ++i, place.advance(p)) {
    offsets[i] = p.y_offset(place.image, place.i, place.j);
  }
}

/// How a product is cut, by its geometry alone; buffers may be null.
struct ConvBlocking {
  ChunkGrid grid;
  std::int64_t block_depth, packed_floats;  // packed: the rows of one part
  bool in_place;

  explicit ConvBlocking(const ConvProduct& p)
      : grid(cut_into_chunks(p.rows(), panels(p.columns), conv_block_rows(p.depth()))),
        block_depth(round_up(std::min(p.depth(), kConvBlockDepth), kDepthBlock)),
        packed_floats(depth_block_step(divide_up(p.rows(), grid.row_parts)) / kDepthBlock *
                      block_depth),
        in_place(p.rows_are_pixels() && is_row_major_step(p.x_pixel)) {}

  bool in_two_steps() const { return grid.panel_parts > 1; }
  /// Gathered rows, of all parts or of each worker, and staging buffers.
  std::int64_t workspace_floats() const {
    if (in_place) return 0;
    const std::int64_t staging = staging_floats(block_depth) * thread_count();
    return staging + packed_floats * (in_two_steps() ? grid.row_parts : thread_count());
  }
};

/// Rows `rows` of the block `depth` of depth, which are `a`, times the panels of `panel_range`.
/// `next`: what is fetched meanwhile.
template <class Rows>
inline void multiply_rows(const ConvProduct& p, Range rows, Range panel_range, Range depth,
                          const Rows& a, const Upcoming& next = {}) {
  const ConvEpilogue epilogue(p, depth);
  const bool is_padded = std::is_same_v<Rows, DepthMajor16>;
  const std::int64_t length = is_padded ? round_up(depth.size(), kDepthBlock) : depth.size();
  const std::int64_t panel_size = round_up(p.depth(), kDepthBlock) * kPanel;
  Upcoming upcoming;
  for (std::int64_t panel = panel_range.begin; panel < panel_range.end; ++panel) {
    if (panel == std::max(panel_range.begin, panel_range.end - kFetchingPanels)) upcoming = next;
    const std::int64_t column = panel * kPanel;
    const std::int64_t width = std::min(kPanel, p.columns - column);
    const float* w = p.w + panel * panel_size + depth.begin * kPanel;
    TileOutput out = epilogue.output(column);
    if (p.y_is_dense()) {
      panel_product(rows.size(), width, a, w, length, out.from_row(rows.begin), upcoming);
      continue;
    }
    out.store = Store::kNear;
    for_each_tile(rows.size(), [&](std::int64_t begin, std::int64_t count) HWY_ATTR {
      std::int64_t offsets[kMaxRows];
      row_offsets(p, {rows.begin + begin, rows.begin + begin + count}, offsets);
      panel_product_scattered(count, width, a.from_row(begin), w, length, out, upcoming,
                              [&](std::int64_t i) { return offsets[i]; });
    });
  }
  if (epilogue.streams) hwy::FlushStream();
}

/// What is read of x by the chunk that this thread is likely to take after one of `part`, where
/// that lies side by side.
inline Upcoming rows_after(const ConvProduct& p, const ChunkGrid& grid, std::int64_t part,
                           int threads) {
  const std::int64_t next = part + divide_up(threads, grid.panel_parts);
  if (next >= grid.row_parts || !p.rows_are_pixels() || p.channels < p.x_pixel) return {};
  const Range rows = part_of(p.rows(), grid.row_parts, next);
  return Upcoming(upcoming_floats(p.x + rows.begin * p.x_pixel, rows.size() * p.x_pixel));
}

inline void multiply_in_place(const ConvProduct& p, const ConvBlocking& blocking) {
  const int threads = thread_count();
  for_each_chunk(p, blocking.grid, [&](std::int64_t part, Range rows, Range panel_range, int) {
    multiply_rows(p, rows, panel_range, {0, p.depth()},
                  RowMajor{p.x + rows.begin * p.x_pixel, p.x_pixel},
                  rows_after(p, blocking.grid, part, threads));
  });
}

inline void multiply_by_chunks(const ConvProduct& p, const ConvBlocking& blocking,
                               float* workspace) {
  const std::int64_t staging_size = staging_floats(blocking.block_depth);
  const int threads = thread_count();
  const auto run = [&](std::int64_t part, Range rows, Range panel_range, int worker) {
    float* staging = workspace + worker * (staging_size + blocking.packed_floats);
    float* packed = staging + staging_size;
    const DepthMajor16 a{packed, depth_block_step(rows.size())};
    const Upcoming next = rows_after(p, blocking.grid, part, threads);
    for_each_depth_block(p, kConvBlockDepth, [&](Range depth) {
      if (depth.size() > 0) gather_rows(p, rows, depth, a.block_step, staging, packed);
      multiply_rows(p, rows, panel_range, depth, a, next);
    });
  };
  for_each_chunk(p, blocking.grid, run);
}

inline void multiply_in_two_steps(const ConvProduct& p, const ConvBlocking& blocking,
                                  float* workspace) {
  constexpr std::int64_t kGatherParts = 8;  // of each part of the rows
  const ChunkGrid& grid = blocking.grid;
  float* packed = workspace;
  float* staging = packed + grid.row_parts * blocking.packed_floats;
  for_each_depth_block(p, kConvBlockDepth, [&](Range depth) {
    const std::int64_t gathers = depth.size() > 0 ? grid.row_parts * kGatherParts : 0;
    parallel_for(gathers, [&](std::int64_t chunk, int worker) {
      const std::int64_t part = chunk / kGatherParts;
      const Range rows = part_of(p.rows(), grid.row_parts, part);
      const Range some = part_of(rows.size(), kGatherParts, chunk % kGatherParts);
      gather_rows(p, {rows.begin + some.begin, rows.begin + some.end}, depth,
                  depth_block_step(rows.size()),
                  staging + worker * staging_floats(blocking.block_depth),
                  packed + part * blocking.packed_floats + some.begin * kDepthBlock);
    });
    for_each_chunk(p, grid, [&](std::int64_t part, Range rows, Range panel_range, int) {
      multiply_rows(
          p, rows, panel_range, depth,
          DepthMajor16{packed + part * blocking.packed_floats, depth_block_step(rows.size())});
    });
  });
}

/// Floats that run_conv_product needs.
inline std::int64_t conv_workspace_floats(const ConvProduct& p) {
  if (matrix_unit_is_on()) return UnitConvBlocking(p).workspace_floats();
  return ConvBlocking(p).workspace_floats();
}

/// Computes the whole product. `workspace`: conv_workspace_floats(p).
inline void run_conv_product(const ConvProduct& p, float* workspace) {
  if (p.rows() == 0 || p.columns == 0) return;
  if (matrix_unit_is_on()) return run_on_unit(p, workspace);
  const ConvBlocking blocking(p);
  if (blocking.in_place) {
    multiply_in_place(p, blocking);
  } else if (blocking.in_two_steps()) {
    multiply_in_two_steps(p, blocking, workspace);
  } else {
    multiply_by_chunks(p, blocking, workspace);
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
