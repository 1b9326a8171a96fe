// run_stride2_product: a 3x3 convolution at stride 2 on the 25 points of its four phases.
//
//   V = transformed phases of x       25 matrices [tiles, depth]    depth: 4, 2 or 1 times c_in
//   U = transformed filter            25 matrices [depth, c_out]
//   M = V * U, point by point         25 matrices [tiles, c_out]
//   y = transformed M
//
// These are three steps for all tiles, or for blocks of them where there are many: tiles are shared
// out, then points and panels, then tiles. Point by point, because U is nine times the filter: it
// is read once, while V of one point stays in the second-level cache. Even with few channels, where
// V of a small block of tiles would fit there at all points, going panel by panel is no faster.
#if defined(TL_CPU_WINOGRAD_STRIDE2_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STRIDE2_PRODUCT_INL_H_
#undef TL_CPU_WINOGRAD_STRIDE2_PRODUCT_INL_H_
#else
#define TL_CPU_WINOGRAD_STRIDE2_PRODUCT_INL_H_
#endif

#include "kernels/cpu/winograd_stride2_tiles-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// How the tiles are cut into blocks, and where V and M of one lie. There is a tile at least.
struct Stride2Blocking {
  static constexpr std::int64_t kSmallBlock = 2 * kMaxRows;

  std::int64_t tiles, blocks;
  std::int64_t v_floats, m_point_step;

  explicit Stride2Blocking(const Conv2dProblem& p) : tiles(Stride2Product::tiles(p)) {
    const std::int64_t columns = panels(p.c_out) * kPanel;
    const std::int64_t floats_per_tile = kSlices * p.c_in + kPhasePlane * columns;
    blocks = divide_up(
        tiles,
        std::max(kSmallBlock, winograd_block_floats(kSlices * p.c_in * columns) / floats_per_tile));
    const std::int64_t block_tiles = divide_up(tiles, blocks);
    v_floats = SliceLayout::of_rows(block_tiles, p.c_in).floats();
    m_point_step = odd_lines(block_tiles * columns);
  }

  std::int64_t workspace_floats() const { return v_floats + kPhasePlane * m_point_step; }
};

/// M of one point and one panel for `tiles` tiles; v, u: of all points, u of this panel.
inline void multiply_phases(std::int64_t tiles, std::int64_t c_in, int point,
                            const SliceLayout& layout, const float* v, const float* u, float* m) {
  const int i = point / kPhasePoints, j = point % kPhasePoints;
  const DepthMajor16 a{v + layout.offset(i, j), layout.block_step};
  const float* b = u + first_slice(i, j) * c_in * kPanel;
  panel_product(tiles, a, b, slices_at(i, j) * c_in, {.y = m, .step = kPanel});
}

inline void run_stride2_block(const Stride2Product& product, Range tiles, float* v, float* m,
                              std::int64_t m_point_step) {
  constexpr std::int64_t kTilesPerChunk = 4;
  const std::int64_t c_in = product.p.c_in, all_panels = panels(product.p.c_out);
  const SliceLayout layout = SliceLayout::of_rows(tiles.size(), c_in);
  const std::int64_t chunks = divide_up(tiles.size(), kTilesPerChunk);
  const auto tiles_of = [&](std::int64_t chunk) {
    const std::int64_t begin = tiles.begin + chunk * kTilesPerChunk;
    return Range{begin, std::min(tiles.end, begin + kTilesPerChunk)};
  };
  parallel_for(chunks, [&](std::int64_t chunk, int) {
    const Range part = tiles_of(chunk);
    gather_phases(product, part, layout, v + (part.begin - tiles.begin) * kDepthBlock);
  });
  parallel_for(kPhasePlane * all_panels, [&](std::int64_t chunk, int) {
    const std::int64_t point = chunk / all_panels, panel = chunk % all_panels;
    multiply_phases(tiles.size(), c_in, static_cast<int>(point), layout, v,
                    product.u + panel * kSlices * c_in * kPanel,
                    m + point * m_point_step + panel * tiles.size() * kPanel);
  });
  parallel_for(chunks, [&](std::int64_t chunk, int) {
    const Range part = tiles_of(chunk);
    for (std::int64_t panel = 0; panel < all_panels; ++panel) {
      scatter_phases(product, part, panel,
                     m + (panel * tiles.size() + part.begin - tiles.begin) * kPanel, m_point_step);
    }
  });
}

inline void run_stride2_product(const Stride2Product& product, float* workspace) {
  const Stride2Blocking blocking(product.p);
  for (std::int64_t block = 0; block < blocking.blocks; ++block) {
    run_stride2_block(product, part_of(blocking.tiles, blocking.blocks, block), workspace,
                      workspace + blocking.v_floats, blocking.m_point_step);
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
