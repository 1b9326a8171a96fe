// run_stride2_product: a 3x3 convolution at stride 2 on the 25 points of its four phases.
//
//   V = transformed phases of x       25 matrices [tiles, depth]    depth: 4, 2 or 1 times c_in
//   U = transformed filter            25 matrices [depth, c_out]
//   M = V * U, point by point         25 matrices [tiles, c_out]
//   y = transformed M
//
// There are two orders of this work, as in winograd_product-inl.h and with the same bits as result:
// by tiles, where V of a block of tiles fits the second-level cache, and by points.
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

/// Which order is taken, and how large its blocks are.
struct Stride2Blocking {
  static constexpr std::int64_t kCacheFloats = 192 * 1024;          // for V of one block
  static constexpr std::int64_t kByPointsFloats = 4 * 1024 * 1024;  // for V and M
  static constexpr std::int64_t kEnoughBlocks = 4;
  static constexpr std::int64_t kSmallBlock = HWY_TARGET <= HWY_AVX3 ? 28 : 24;

  bool by_tiles;
  std::int64_t block_tiles, blocks;
  std::int64_t v_floats, m_point_step;

  explicit Stride2Blocking(const Conv2dProblem& p) {
    const std::int64_t tiles = Stride2Product::tiles(p);
    const std::int64_t fitting = kCacheFloats / (kSlices * p.c_in) / kSmallBlock * kSmallBlock;
    block_tiles = std::clamp<std::int64_t>(fitting, kSmallBlock, 4 * kSmallBlock);
    while (block_tiles > kSmallBlock && divide_up(tiles, block_tiles) < kEnoughBlocks) {
      block_tiles -= kSmallBlock;
    }
    by_tiles = fitting > 0 && divide_up(tiles, block_tiles) >= kEnoughBlocks;
    if (!by_tiles) {
      const std::int64_t floats_per_tile =
          kSlices * p.c_in + kPhasePlane * panels(p.c_out) * kPanel;
      block_tiles = std::max(kSmallBlock, kByPointsFloats / floats_per_tile);
    }
    blocks = divide_up(tiles, block_tiles);
    block_tiles = divide_up(tiles, blocks);
    const std::int64_t m_panels = by_tiles ? 1 : panels(p.c_out);
    v_floats = SliceLayout(block_tiles, p.c_in).floats();
    m_point_step = (divide_up(block_tiles * m_panels * kPanel, 16) | 1) * 16;  // as in SliceLayout
  }

  std::int64_t worker_floats() const { return v_floats + kPhasePlane * m_point_step; }
  std::int64_t workspace_floats() const {
    return worker_floats() * (by_tiles ? thread_count() : 1);
  }
};

/// M of one point and one panel for `tiles` tiles; v, u: of all points, u of this panel.
inline void multiply_phases(std::int64_t tiles, std::int64_t c_in, int point,
                            const SliceLayout& layout, const float* v, const float* u, float* m) {
  const int i = point / kPhasePoints, j = point % kPhasePoints;
  const DepthMajor16 a{v + layout.offset(i, j), layout.block_step};
  const float* b = u + first_slice(i, j) * c_in * kPanel;
  for_each_tile(tiles, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
    TileOutput out;
    out.y = m + first * kPanel;
    out.step = kPanel;
    tile_product(count, a.from_row(first), b, slices_at(i, j) * c_in, out);
  });
}

inline void run_stride2_by_tiles(const Stride2Product& product, const Stride2Blocking& blocking,
                                 float* workspace) {
  const Conv2dProblem& p = product.p;
  parallel_for(blocking.blocks, [&](std::int64_t block, int worker) {
    const Range tiles = part_of(Stride2Product::tiles(p), blocking.blocks, block);
    const SliceLayout layout(tiles.size(), p.c_in);
    float* v = workspace + worker * blocking.worker_floats();
    float* m = v + blocking.v_floats;
    gather_phases(product, tiles, layout, v);
    for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
      const float* u = product.u + panel * kSlices * p.c_in * kPanel;
      for (int point = 0; point < kPhasePlane; ++point) {
        multiply_phases(tiles.size(), p.c_in, point, layout, v, u,
                        m + point * blocking.m_point_step);
      }
      scatter_phases(product, tiles, panel, m, blocking.m_point_step);
    }
  });
}

inline void run_stride2_by_points(const Stride2Product& product, const Stride2Blocking& blocking,
                                  float* workspace) {
  constexpr std::int64_t kTilesPerChunk = 4;
  const Conv2dProblem& p = product.p;
  float* v = workspace;
  float* m = v + blocking.v_floats;
  for (std::int64_t block = 0; block < blocking.blocks; ++block) {
    const Range tiles = part_of(Stride2Product::tiles(p), blocking.blocks, block);
    const SliceLayout layout(tiles.size(), p.c_in);
    const std::int64_t chunks = divide_up(tiles.size(), kTilesPerChunk);
    const auto tiles_of = [&](std::int64_t chunk) {
      const std::int64_t begin = tiles.begin + chunk * kTilesPerChunk;
      return Range{begin, std::min(tiles.end, begin + kTilesPerChunk)};
    };
    parallel_for(chunks, [&](std::int64_t chunk, int) {
      const Range part = tiles_of(chunk);
      gather_phases(product, part, layout, v + (part.begin - tiles.begin) * kDepthBlock);
    });
    parallel_for(kPhasePlane, [&](std::int64_t point, int) {
      for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
        multiply_phases(tiles.size(), p.c_in, static_cast<int>(point), layout, v,
                        product.u + panel * kSlices * p.c_in * kPanel,
                        m + point * blocking.m_point_step + panel * tiles.size() * kPanel);
      }
    });
    parallel_for(chunks, [&](std::int64_t chunk, int) {
      const Range part = tiles_of(chunk);
      for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
        scatter_phases(product, part, panel,
                       m + (panel * tiles.size() + part.begin - tiles.begin) * kPanel,
                       blocking.m_point_step);
      }
    });
  }
}

inline void run_stride2_product(const Stride2Product& product, float* workspace) {
  const Stride2Blocking blocking(product.p);
  if (blocking.by_tiles) {
    run_stride2_by_tiles(product, blocking, workspace);
  } else {
    run_stride2_by_points(product, blocking, workspace);
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
