// The transforms of a convolution at stride 2 on tiles in memory (winograd_stride2_transform-inl.h
// has the arithmetic). A slice is one phase's c_in numbers at one point; a point has 4, 2 or 1 of
// them, one after the other, and all 25 points have 81.
//
//   gather_phases     patches of 9x9 pixels of x    ->  V [81][c_in / block][tile][block]
//   transform_phases  panels of the filter          ->  U [panel][81][c_in][kPanel]
//   scatter_phases    products M [25][tile][kPanel] -> 4x4 pixels of y, with the epilogue
//
// V of a point is the microkernel's DepthMajor16, in blocks of 16, and U its panels, with the
// slices as depth. (In the gradient of the filter V has blocks of kPanel: panels, with the tiles as
// depth.)
#if defined(TL_CPU_WINOGRAD_STRIDE2_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STRIDE2_TILES_INL_H_
#undef TL_CPU_WINOGRAD_STRIDE2_TILES_INL_H_
#else
#define TL_CPU_WINOGRAD_STRIDE2_TILES_INL_H_
#endif

#include "hwy/cache_control.h"
#include "kernels/conv2d.h"
#include "kernels/cpu/blocking.h"
#include "kernels/cpu/pack-inl.h"
#include "kernels/cpu/winograd_stride2_transform-inl.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

constexpr int kPhasePlane = kPhasePoints * kPhasePoints;
constexpr int kSlices = 81;
constexpr int kPatch = 9;
constexpr std::int64_t kFilterTaps = 9;

/// Phases that have point `i` of one dimension: infinity belongs to the even one only.
constexpr int phases_at(int i) { return i < kPhasePoints - 1 ? 2 : 1; }
constexpr int slices_at(int i, int j) { return phases_at(i) * phases_at(j); }
/// Slices of the points before this one.
constexpr int first_slice(int i, int j) { return 18 * i + 2 * phases_at(i) * j; }

/// A convolution and its buffers; null: none.
struct Stride2Product {
  const Conv2dProblem& p;
  const float* x;
  const float* u = nullptr;  // the transformed filter
  float* y = nullptr;
  const float* bias = nullptr;
  const float* residual = nullptr;

  static std::int64_t tiles_h(const Conv2dProblem& p) {
    return divide_up(p.out_h(), kPhaseOutputs);
  }
  static std::int64_t tiles_w(const Conv2dProblem& p) {
    return divide_up(p.out_w(), kPhaseOutputs);
  }
  static std::int64_t tiles(const Conv2dProblem& p) { return p.n * tiles_h(p) * tiles_w(p); }
};

/// A tile: its picture and its first output pixel. Tiles are counted row by row.
struct Stride2Tile {
  std::int64_t image, i, j;

  Stride2Tile(const Conv2dProblem& p, std::int64_t tile)
      : image(tile / (Stride2Product::tiles_h(p) * Stride2Product::tiles_w(p))),
        i(tile / Stride2Product::tiles_w(p) % Stride2Product::tiles_h(p) * kPhaseOutputs),
        j(tile % Stride2Product::tiles_w(p) * kPhaseOutputs) {}
};

/// The 9x9 pixels of one tile's patch; null: outside of x, zero.
struct Stride2Patch {
  const float* pixel[kPatch][kPatch];

  Stride2Patch(const Conv2dProblem& p, const float* x, const Stride2Tile& tile) {
    for (std::int64_t r = 0; r < kPatch; ++r) {
      const std::int64_t h = 2 * tile.i - p.pad_h + r;
      for (std::int64_t s = 0; s < kPatch; ++s) {
        const std::int64_t w = 2 * tile.j - p.pad_w + s;
        const bool inside = h >= 0 && h < p.h && w >= 0 && w < p.w;
        pixel[r][s] = inside ? x + ((tile.image * p.h + h) * p.w + w) * p.c_in : nullptr;
      }
    }
  }

  /// Has the 16 numbers from `channel` of all pixels fetched ahead of time.
  void prefetch(std::int64_t channel) const {
    for (const auto& row : pixel) {
      for (const float* at : row) {
        if (at) hwy::Prefetch(at + channel);
      }
    }
  }
};

/// Where V of some tiles lies: channels in blocks of 16 or kPanel.
struct SliceLayout {
  std::int64_t block;
  std::int64_t block_step;  // floats from one block of channels to the next
  std::int64_t slice_step;
  std::int64_t point_gap;

  /// As left factor of the products. A cache line between points keeps those of one tile from
  /// competing for the same sets of the cache.
  static SliceLayout of_rows(std::int64_t tiles, std::int64_t c_in) {
    const std::int64_t step = depth_block_step(tiles);
    return {kDepthBlock, step, c_in / kDepthBlock * step, 16};
  }

  std::int64_t offset(int i, int j, int slice = 0) const {
    return (first_slice(i, j) + slice) * slice_step + (i * kPhasePoints + j) * point_gap;
  }
  std::int64_t floats() const { return kSlices * slice_step + kPhasePlane * point_gap; }
};

/// B^T d B of one phase of a patch and one vector of channels.
template <int kPhaseH, int kPhaseW>
HWY_INLINE void transform_patch_phase(const Stride2Patch& patch, std::int64_t channel,
                                      const SliceLayout& layout, float* v) {
  constexpr int kH = points_of_phase(kPhaseH), kW = points_of_phase(kPhaseW);
  const FloatTag d;
  Vec columns[kH][kW];  // [point of h][s]
#pragma GCC unroll 5
  for (int s = 0; s < kW; ++s) {
    Vec in[kH], out[kH];
#pragma GCC unroll 5
    for (int r = 0; r < kH; ++r) {
      const float* pixel = patch.pixel[2 * r + kPhaseH][2 * s + kPhaseW];
      in[r] = pixel ? hn::LoadU(d, pixel + channel) : hn::Zero(d);
    }
    phase_inputs(in, out);
#pragma GCC unroll 5
    for (int i = 0; i < kH; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 5
  for (int i = 0; i < kH; ++i) {
    Vec out[kW];
    phase_inputs(columns[i], out);
#pragma GCC unroll 5
    for (int j = 0; j < kW; ++j) {
      hn::StoreU(out[j], d, v + layout.offset(i, j, kPhaseH * phases_at(j) + kPhaseW));
    }
  }
}

/// V of `tiles`: tile t stands at v + (t - tiles.begin) * layout.block. A patch is 9 short runs of
/// memory in 9 places, which the processor does not foresee: the next one is asked for in time.
inline void gather_phases(const Stride2Product& product, Range tiles, const SliceLayout& layout,
                          float* v) {
  const Conv2dProblem& p = product.p;
  const std::int64_t last = Stride2Product::tiles(p) - 1;
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, v += layout.block) {
    const Stride2Patch patch(p, product.x, Stride2Tile(p, t));
    const Stride2Patch next(p, product.x, Stride2Tile(p, std::min(t + 1, last)));
    for (std::int64_t c = 0; c < p.c_in; c += kLanes) {
      if (c % kDepthBlock == 0) next.prefetch(c);
      float* to = v + c / layout.block * layout.block_step + c % layout.block;
      transform_patch_phase<0, 0>(patch, c, layout, to);
      transform_patch_phase<0, 1>(patch, c, layout, to);
      transform_patch_phase<1, 0>(patch, c, layout, to);
      transform_patch_phase<1, 1>(patch, c, layout, to);
    }
  }
}

/// G g G^T of one phase and one vector: from taps [9][16][kPanel] into `u`, whose slices are
/// slice_step floats apart.
template <int kPhaseH, int kPhaseW>
HWY_INLINE void transform_taps_phase(const float* taps, std::int64_t slice_step, float* u) {
  constexpr int kH = points_of_phase(kPhaseH), kW = points_of_phase(kPhaseW);
  constexpr int kTapsH = taps_of_phase(kPhaseH), kTapsW = taps_of_phase(kPhaseW);
  const FloatTag d;
  Vec columns[kH][kTapsW];
  for (int s = 0; s < kTapsW; ++s) {
    Vec in[kTapsH], out[kH];
    for (int r = 0; r < kTapsH; ++r) {
      const int tap = (2 * r + kPhaseH) * 3 + 2 * s + kPhaseW;
      in[r] = hn::LoadU(d, taps + tap * kDepthBlock * kPanel);
    }
    phase_taps(in, out);
    for (int i = 0; i < kH; ++i) columns[i][s] = out[i];
  }
  for (int i = 0; i < kH; ++i) {
    Vec out[kW];
    phase_taps(columns[i], out);
    for (int j = 0; j < kW; ++j) {
      const int slice = first_slice(i, j) + kPhaseH * phases_at(j) + kPhaseW;
      hn::StoreU(out[j], d, u + slice * slice_step);
    }
  }
}

/// U of 16 input channels and one panel, from taps [9][16][kPanel].
inline void transform_phases(const float* taps, std::int64_t slice_step, float* u) {
  for (std::int64_t at = 0; at < kDepthBlock * kPanel; at += kLanes) {
    transform_taps_phase<0, 0>(taps + at, slice_step, u + at);
    transform_taps_phase<0, 1>(taps + at, slice_step, u + at);
    transform_taps_phase<1, 0>(taps + at, slice_step, u + at);
    transform_taps_phase<1, 1>(taps + at, slice_step, u + at);
  }
}

/// Size of U in floats.
inline std::int64_t stride2_filter_floats(std::int64_t depth, std::int64_t columns) {
  return panels(columns) * kSlices * depth * kPanel;
}

/// Fills U [panel][81][depth][kPanel]. `load_taps(panel, channel, taps)` writes the 3x3 taps of 16
/// channels of the depth and one panel of columns as [9][16][kPanel].
template <class LoadTaps>
inline void prepare_stride2_filter(std::int64_t depth, std::int64_t columns, float* u,
                                   const LoadTaps& load_taps) {
  parallel_for(panels(columns), [&](std::int64_t panel, int) {
    HWY_ALIGN float taps[kFilterTaps * kDepthBlock * kPanel];
    for (std::int64_t c = 0; c < depth; c += kDepthBlock) {
      load_taps(panel, c, taps);
      transform_phases(taps, depth * kPanel, u + (panel * kSlices * depth + c) * kPanel);
    }
  });
}

/// A^T m A of one tile and one vector of channels.
HWY_INLINE void transform_phase_products(const float* m, std::int64_t point_step,
                                         Vec (&y)[kPhaseOutputs][kPhaseOutputs]) {
  const FloatTag d;
  Vec columns[kPhaseOutputs][kPhasePoints];
#pragma GCC unroll 5
  for (int s = 0; s < kPhasePoints; ++s) {
    Vec in[kPhasePoints], out[kPhaseOutputs];
#pragma GCC unroll 5
    for (int r = 0; r < kPhasePoints; ++r) {
      in[r] = hn::LoadU(d, m + (r * kPhasePoints + s) * point_step);
    }
    phase_outputs(in, out);
#pragma GCC unroll 4
    for (int i = 0; i < kPhaseOutputs; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < kPhaseOutputs; ++i) phase_outputs(columns[i], y[i]);
}

/// Products of `tiles` and the channels of one panel to y: tile t's stand at
/// m + (t - tiles.begin) * kPanel.
inline void scatter_phases(const Stride2Product& product, Range tiles, std::int64_t panel,
                           const float* m, std::int64_t point_step) {
  const FloatTag d;
  const Conv2dProblem& p = product.p;
  const std::int64_t out_h = p.out_h(), out_w = p.out_w();
  const std::int64_t first_channel = panel * kPanel;
  const std::int64_t width = std::min(kPanel, p.c_out - first_channel);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, m += kPanel) {
    const Stride2Tile tile(p, t);
    const std::int64_t height = std::min<std::int64_t>(kPhaseOutputs, out_h - tile.i);
    const std::int64_t length = std::min<std::int64_t>(kPhaseOutputs, out_w - tile.j);
    const std::int64_t corner = ((tile.image * out_h + tile.i) * out_w + tile.j) * p.c_out;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const std::int64_t channel = first_channel + c;
      const Vec bias = product.bias ? hn::LoadU(d, product.bias + channel) : hn::Zero(d);
      Vec y[kPhaseOutputs][kPhaseOutputs];
      transform_phase_products(m + c, point_step, y);
#pragma GCC unroll 4
      for (int i = 0; i < kPhaseOutputs; ++i) {
        if (i >= height) break;
#pragma GCC unroll 4
        for (int j = 0; j < kPhaseOutputs; ++j) {
          if (j >= length) break;
          const std::int64_t offset = corner + (i * out_w + j) * p.c_out + channel;
          Vec value = hn::Add(y[i][j], bias);
          if (product.residual) value = hn::Add(value, hn::LoadU(d, product.residual + offset));
          if (p.relu) value = relu(value);
          hn::StoreU(value, d, product.y + offset);
        }
      }
    }
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
