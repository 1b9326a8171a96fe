// run_conv_product: a ConvProduct (conv2d_product.h) computed in blocks.
//
//   in chunks of rows x panels of columns:
//     for each block of depth (kConvBlockDepth):
//       gather the rows                                     conv2d_gather-inl.h
//       for each panel, for each tile of rows: tile_product    microkernel-inl.h
//
// The gathered rows of one block (kConvBlockFloats at most) and one panel of the filter stay in the
// second-level cache; the filter streams through once per chunk. Partial sums between blocks of
// depth stand in y. Bias and addend enter with the first block, ReLU comes with the last.
#if defined(TL_CPU_CONV2D_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_PRODUCT_INL_H_
#undef TL_CPU_CONV2D_PRODUCT_INL_H_
#else
#define TL_CPU_CONV2D_PRODUCT_INL_H_
#endif

#include "kernels/cpu/conv2d_gather-inl.h"
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

/// Scratch of one worker, in floats: gathered rows and their staging.
inline std::int64_t conv_scratch_floats(std::int64_t depth) {
  const std::int64_t block_depth = round_up(std::min(depth, kConvBlockDepth), kDepthBlock);
  return staging_floats(block_depth) + block_depth * (conv_block_rows(depth) | 1);
}

/// All panels in `panel_range` of one block of depth.
inline void multiply_gathered(const ConvProduct& p, Range rows, Range panel_range, Range depth,
                              const float* packed) {
  const bool first = depth.begin == 0, last = depth.end == p.depth();
  const std::int64_t padded = round_up(depth.size(), kDepthBlock);
  const std::int64_t panel_size = round_up(p.depth(), kDepthBlock) * kPanel;
  const DepthMajor16 a{packed, depth_block_step(rows.size())};
  for (std::int64_t panel = panel_range.begin; panel < panel_range.end; ++panel) {
    const std::int64_t column = panel * kPanel;
    const std::int64_t width = std::min(kPanel, p.columns - column);
    const float* w = p.w + panel * panel_size + depth.begin * kPanel;
    TileOutput out;
    out.step = p.y_pixel;
    out.bias = first && p.bias ? p.bias + column : nullptr;
    out.relu = last && p.relu;
    const float* addend = first ? p.addend : p.y;
    for_each_tile(rows.size(), [&](std::int64_t begin, std::int64_t count) HWY_ATTR {
      TileOutput tile = out;
      if (p.y_is_dense()) {
        const std::int64_t offset = (rows.begin + begin) * p.y_pixel + column;
        tile.y = p.y + offset;
        tile.addend = addend ? addend + offset : nullptr;
        multiply_tile(count, width, a.from_row(begin), w, padded, tile);
        return;
      }
      std::int64_t offsets[kMaxRows];
      GridPlace place(p, rows.begin + begin);
      for (std::int64_t i = 0; i < count; ++i, place.advance(p)) {
        offsets[i] = p.y_offset(place.image, place.i, place.j) + column;
      }
      tile.y = p.y;
      tile.addend = addend;
      tile_product_scattered(count, width, a.from_row(begin), w, padded, tile,
                             [&](std::int64_t i) { return offsets[i]; });
    });
  }
}

/// Computes the whole product. `scratch`: conv_scratch_floats(depth) for each worker.
inline void run_conv_product(const ConvProduct& p, float* scratch) {
  if (p.rows() == 0 || p.columns == 0) return;
  const ChunkGrid grid = cut_into_chunks(p.rows(), panels(p.columns), conv_block_rows(p.depth()));
  const std::int64_t scratch_floats = conv_scratch_floats(p.depth());
  const std::int64_t block_depth = round_up(std::min(p.depth(), kConvBlockDepth), kDepthBlock);
  parallel_for(grid.chunks(), [&](std::int64_t chunk, int worker) {
    const Range rows = part_of(p.rows(), grid.row_parts, chunk / grid.panel_parts);
    const Range panel_range =
        part_of(panels(p.columns), grid.panel_parts, chunk % grid.panel_parts);
    float* staging = scratch + worker * scratch_floats;
    float* packed = staging + staging_floats(block_depth);
    // Depth 0, a pixel that no tap reaches, still runs one, empty, block.
    for (std::int64_t l = 0; l == 0 || l < p.depth(); l += kConvBlockDepth) {
      const Range depth{l, std::min(p.depth(), l + kConvBlockDepth)};
      if (depth.size() > 0) gather_rows(p, rows, depth, staging, packed);
      multiply_gathered(p, rows, panel_range, depth, packed);
    }
  });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
