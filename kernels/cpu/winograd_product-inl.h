// run_winograd_product: a WinogradProduct (winograd_product.h) on the 16 points of F(2x2, 3x3), the
// 36 of F(4x4, 3x3) or the 49 of F(5x5, 3x3).
//
//   V = transformed patches of x      for each point a matrix [tiles, c_in]
//   U = transformed filter            for each point a matrix [c_in, c_out]
//   M = V * U, point by point         for each point a matrix [tiles, c_out]
//   y = transformed M
//
// Three orders of the same work, with the same bits as result but for the matrix unit:
//
//   by tiles   each chunk is a block of tiles and goes all the way: V of the block, then panel by
//              panel M and y. V and a panel of M stay in the second-level cache, U streams by.
//   by panels  for few tiles: all are transformed, then the panels are shared out, and each goes on
//              to y. V is small enough for every thread to keep, U streams by once, and M of a
//              panel stays with the thread that made it.
//   by points  a block of tiles is transformed, then the points are shared out, then y is written.
//              For many channels, where V of even a small block is too large for one thread's cache
//              and U too large to stream by for each, and where tiles and panels are few. V and M
//              stay in the cache that threads share, if U does too; half of what one reads another
//              has written. M takes the place of V, some points at a time. Where there is a matrix
//              unit (amx.h), V and U are cut into pieces, and it multiplies.
//
// Which order and how large its blocks are depends on the threads too.
#if defined(TL_CPU_WINOGRAD_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_PRODUCT_INL_H_
#undef TL_CPU_WINOGRAD_PRODUCT_INL_H_
#else
#define TL_CPU_WINOGRAD_PRODUCT_INL_H_
#endif

#include "kernels/cpu/amx_product-inl.h"
#include "kernels/cpu/winograd_tiles-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

enum class WinogradOrder { by_tiles, by_panels, by_points };

/// Which order is taken, and how large its blocks are.
template <int kTile>
struct WinogradBlocking {
  static constexpr std::int64_t kPlane = WinogradProduct<kTile>::kPlane;
  static constexpr std::int64_t kFewTiles = 12;  // too few to stream U by for
  static constexpr std::int64_t kSmallBlock = HWY_TARGET <= HWY_AVX3 ? 28 : 24;
  static constexpr std::int64_t kPointsTogether = 2 * divide_up(kPlane, 6);  // by points

  WinogradOrder order = WinogradOrder::by_tiles;
  bool is_on_unit = false;
  std::int64_t block_tiles = 0, blocks = 0;
  std::int64_t v_point_step = 0, m_point_step = 0, m_panel_step = 0;  // floats
  std::int64_t pieces_floats = 0;                                     // of V of one point

  WinogradBlocking(std::int64_t tiles, std::int64_t c_in, std::int64_t c_out) {
    const std::int64_t fitting = kWinogradCacheFloats / (kPlane * c_in);
    block_tiles = std::clamp<std::int64_t>(fitting / 2, kSmallBlock, 4 * kSmallBlock);
    const std::int64_t threads = thread_count();
    blocks = round_up(std::max<std::int64_t>(1, divide_up(tiles, block_tiles)), threads);
    const bool are_full = threads == 1 || tiles / blocks >= kFewTiles;
    if (fitting < kSmallBlock || !are_full) {
      if (can_go_by_panels(kPlane, tiles, c_in, panels(c_out))) {
        order = WinogradOrder::by_panels;
        blocks = 1;
      } else {
        order = WinogradOrder::by_points;
        is_on_unit = matrix_unit_is_on() && is_for_matrix_unit(kPlane, tiles, c_in, panels(c_out));
        const std::int64_t columns = panels(c_out) * kPanel;
        block_tiles = std::max(kSmallBlock, winograd_block_floats(kPlane * c_in * columns) /
                                                (kPlane * (c_in + columns)));
        blocks = std::max<std::int64_t>(1, divide_up(tiles, block_tiles));
      }
    }
    block_tiles = divide_up(tiles, blocks);
    v_point_step = odd_lines(depth_block_step(block_tiles) / kDepthBlock * c_in);
    const std::int64_t m_panels = order == WinogradOrder::by_points ? panels(c_out) : 1;
    m_panel_step = (is_on_unit ? round_up(block_tiles, amx::kBlock) : block_tiles) * kPanel;
    m_point_step = odd_lines(m_panels * m_panel_step);
    if (order == WinogradOrder::by_points) {
      v_point_step = m_point_step = std::max(v_point_step, m_point_step);
      if (is_on_unit) pieces_floats = UnitRowPieces::floats(block_tiles, c_in);
    }
  }

  std::int64_t v_floats() const { return kPlane * v_point_step; }
  std::int64_t m_floats() const { return kPlane * m_point_step; }
  std::int64_t workspace_floats() const {
    if (order == WinogradOrder::by_points) {
      return (kPlane + kPointsTogether) * m_point_step + thread_count() * pieces_floats;
    }
    const std::int64_t v_count = order == WinogradOrder::by_tiles ? thread_count() : 1;
    return v_count * v_floats() + thread_count() * m_floats();
  }
};

/// Size of U in floats.
template <int kTile>
std::int64_t winograd_filter_floats(std::int64_t c_in, std::int64_t c_out) {
  return panels(c_out) * WinogradProduct<kTile>::kPlane * c_in * kPanel;
}

/// Fills U [panel][point][c_in][kPanel]. `load_taps(panel, channel, taps)` writes the 3x3 taps of
/// 16 input channels and one panel of outputs as [9][16][kPanel].
template <int kTile, class LoadTaps>
inline void prepare_winograd_filter(std::int64_t c_in, std::int64_t c_out, float* u,
                                    const LoadTaps& load_taps) {
  using Product = WinogradProduct<kTile>;
  parallel_for(panels(c_out), [&](std::int64_t panel, int) {
    HWY_ALIGN float taps[kTaps * kTaps * kDepthBlock * kPanel];
    for (std::int64_t c = 0; c < c_in; c += kDepthBlock) {
      load_taps(panel, c, taps);
      transform_filter<Product::kPatch>(
          taps, kDepthBlock, u + (panel * Product::kPlane * c_in + c) * kPanel, c_in * kPanel);
    }
  });
}

/// M of one point and one panel for `tiles` tiles: v a DepthMajor16.
inline void multiply_point(std::int64_t tiles, std::int64_t c_in, const float* v, const float* u,
                           float* m) {
  panel_product(tiles, DepthMajor16{v, depth_block_step(tiles)}, u, c_in, {.y = m, .step = kPanel});
}

/// Tiles that one thread transforms at a time where all do.
constexpr std::int64_t kTilesPerChunk = 4;
inline Range tiles_of_chunk(Range tiles, std::int64_t chunk) {
  const std::int64_t begin = tiles.begin + chunk * kTilesPerChunk;
  return {begin, std::min(tiles.end, begin + kTilesPerChunk)};
}

/// V of `tiles` by all threads.
template <int kTile>
void gather_in_parallel(const WinogradProduct<kTile>& p, Range tiles, float* v,
                        std::int64_t point_step) {
  parallel_for(divide_up(tiles.size(), kTilesPerChunk), [&](std::int64_t chunk, int) {
    const Range part = tiles_of_chunk(tiles, chunk);
    gather_tiles<kDepthBlock>(p, part, v + (part.begin - tiles.begin) * kDepthBlock,
                              depth_block_step(tiles.size()), point_step);
  });
}

/// From V of `tiles` to y in the channels of one panel.
template <int kTile>
void run_panel(const WinogradProduct<kTile>& p, const WinogradBlocking<kTile>& blocking,
               Range tiles, std::int64_t panel, const float* v, float* m) {
  for (std::int64_t point = 0; point < p.kPlane; ++point) {
    multiply_point(tiles.size(), p.c_in, v + point * blocking.v_point_step,
                   p.u + (panel * p.kPlane + point) * p.c_in * kPanel,
                   m + point * blocking.m_point_step);
  }
  scatter_tiles(p, tiles, panel, m, blocking.m_point_step);
}

template <int kTile>
void run_winograd_by_tiles(const WinogradProduct<kTile>& p, const WinogradBlocking<kTile>& blocking,
                           float* workspace) {
  parallel_for(blocking.blocks, [&](std::int64_t block, int worker) {
    const Range tiles = part_of(p.tiles(), blocking.blocks, block);
    float* v = workspace + worker * (blocking.v_floats() + blocking.m_floats());
    float* m = v + blocking.v_floats();
    gather_tiles<kDepthBlock>(p, tiles, v, depth_block_step(tiles.size()), blocking.v_point_step);
    for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
      run_panel(p, blocking, tiles, panel, v, m);
    }
  });
}

template <int kTile>
void run_winograd_by_panels(const WinogradProduct<kTile>& p,
                            const WinogradBlocking<kTile>& blocking, float* workspace) {
  const Range tiles{0, p.tiles()};
  float* v = workspace;
  float* m = v + blocking.v_floats();
  gather_in_parallel(p, tiles, v, blocking.v_point_step);
  parallel_for(panels(p.c_out), [&](std::int64_t panel, int worker) {
    run_panel(p, blocking, tiles, panel, v, m + worker * blocking.m_floats());
  });
}

/// multiply_point for some panels, on the matrix unit, which cuts v into `pieces`.
template <int kTile>
void multiply_point_on_unit(const WinogradProduct<kTile>& p, std::int64_t tiles, Range some,
                            const float* v, const float* u, float* m, std::int64_t m_panel_step,
                            float* pieces) {
  const UnitRowPieces a{tiles, divide_up(p.c_in, amx::kBlock),
                        reinterpret_cast<std::uint16_t*>(pieces)};
  for (std::int64_t row = 0; row < tiles; row += amx::kBlock) {
    split_rows(DepthMajor16{v, depth_block_step(tiles)}.from_row(row),
               std::min(amx::kBlock, tiles - row), p.c_in, a.at(row, 0));
  }
  const std::int64_t u_step = p.kPlane * p.c_in * kPanel;
  const amx::Tiles registers;
  stream_panels(
      a, u + some.begin * u_step, u_step, some.size(), p.c_in,
      [&](std::int64_t panel) { return m + (some.begin + panel) * m_panel_step; },
      [](std::int64_t) { return Then{}; }, [](std::int64_t) {});
}

/// M of a point lies where V was kPointsTogether points before, which is done with then.
template <int kTile>
void run_winograd_by_points(const WinogradProduct<kTile>& p,
                            const WinogradBlocking<kTile>& blocking, float* workspace) {
  constexpr std::int64_t kTogether = WinogradBlocking<kTile>::kPointsTogether;
  float* const m = workspace;
  float* const v = m + kTogether * blocking.m_point_step;
  float* const pieces = v + p.kPlane * blocking.v_point_step;
  for (std::int64_t block = 0; block < blocking.blocks; ++block) {
    const Range tiles = part_of(p.tiles(), blocking.blocks, block);
    gather_in_parallel(p, tiles, v, blocking.v_point_step);
    for (std::int64_t first = 0; first < p.kPlane; first += kTogether) {
      const std::int64_t points = std::min(kTogether, p.kPlane - first);
      const std::int64_t panel_parts = divide_up(3 * thread_count(), kTogether);
      parallel_for(points * panel_parts, [&](std::int64_t chunk, int worker) {
        const std::int64_t point = first + chunk / panel_parts;
        const Range some = part_of(panels(p.c_out), panel_parts, chunk % panel_parts);
        const float* v_point = v + point * blocking.v_point_step;
        const float* u_point = p.u + point * p.c_in * kPanel;
        float* const m_point = m + point * blocking.m_point_step;
        if (blocking.is_on_unit) {
          multiply_point_on_unit(p, tiles.size(), some, v_point, u_point, m_point,
                                 blocking.m_panel_step, pieces + worker * blocking.pieces_floats);
          return;
        }
        for (std::int64_t panel = some.begin; panel < some.end; ++panel) {
          multiply_point(tiles.size(), p.c_in, v_point,
                         u_point + panel * p.kPlane * p.c_in * kPanel,
                         m_point + panel * blocking.m_panel_step);
        }
      });
    }
    parallel_for(divide_up(tiles.size(), kTilesPerChunk), [&](std::int64_t chunk, int) {
      const Range part = tiles_of_chunk(tiles, chunk);
      for (std::int64_t panel = 0; panel < panels(p.c_out); ++panel) {
        scatter_tiles(p, part, panel,
                      m + panel * blocking.m_panel_step + (part.begin - tiles.begin) * kPanel,
                      blocking.m_point_step);
      }
    });
  }
}

template <int kTile>
void run_winograd_product(const WinogradProduct<kTile>& p, float* workspace) {
  const WinogradBlocking<kTile> blocking(p.tiles(), p.c_in, p.c_out);
  switch (blocking.order) {
    case WinogradOrder::by_tiles:
      return run_winograd_by_tiles(p, blocking, workspace);
    case WinogradOrder::by_panels:
      return run_winograd_by_panels(p, blocking, workspace);
    case WinogradOrder::by_points:
      return run_winograd_by_points(p, blocking, workspace);
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
