// Winograd's transforms on tiles in memory (winograd_transform-inl.h has the arithmetic):
//
//   gather_tiles      patches of pixels of x           -> V [point][c_in / 16][tile][16]
//   transform_filter  panels of the filter             -> U [panel][point][c_in][kPanel]
//   scatter_tiles     products M [point][tile][kPanel] -> pixels of y, with the epilogue
//
// V is the microkernel's DepthMajor16 and U its panels, once for each point: 16 of a tile of 2x2
// outputs, 36 of one of 4x4, 49 of one of 5x5.
#if defined(TL_CPU_WINOGRAD_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_TILES_INL_H_
#undef TL_CPU_WINOGRAD_TILES_INL_H_
#else
#define TL_CPU_WINOGRAD_TILES_INL_H_
#endif

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/pack-inl.h"
#include "kernels/cpu/winograd_product.h"
#include "kernels/cpu/winograd_seven_points-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// The pixels of one tile's patch; null: outside of x, zero.
template <int kTile>
struct Patch {
  static constexpr int kPatch = WinogradProduct<kTile>::kPatch;
  const float* pixel[kPatch][kPatch];

  Patch(const WinogradProduct<kTile>& p, const TilePlace<kTile>& tile) {
    for (std::int64_t r = 0; r < kPatch; ++r) {
      const std::int64_t h = tile.i - p.pad_h + r;
      for (std::int64_t s = 0; s < kPatch; ++s) {
        const std::int64_t w = tile.j - p.pad_w + s;
        const bool inside = h >= 0 && h < p.x_h && w >= 0 && w < p.x_w;
        pixel[r][s] = inside ? p.x + ((tile.image * p.x_h + h) * p.x_w + w) * p.c_in : nullptr;
      }
    }
  }
};

/// B^T d B of one patch and one vector of channels, point after point `point_step` floats apart.
template <int kTile>
HWY_INLINE void transform_patch(const Patch<kTile>& patch, std::int64_t channel, float* v,
                                std::int64_t point_step) {
  constexpr int kPatch = Patch<kTile>::kPatch;
  const FloatTag d;
  Vec columns[kPatch][kPatch];  // [point of h][s]
#pragma GCC unroll 7
  for (int s = 0; s < kPatch; ++s) {
    Vec in[kPatch], out[kPatch];
#pragma GCC unroll 7
    for (int r = 0; r < kPatch; ++r) {
      const float* pixel = patch.pixel[r][s];
      in[r] = pixel ? hn::LoadU(d, pixel + channel) : hn::Zero(d);
    }
    transform_inputs(in, out);
#pragma GCC unroll 7
    for (int i = 0; i < kPatch; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 7
  for (int i = 0; i < kPatch; ++i) {
    Vec out[kPatch];
    transform_inputs(columns[i], out);
#pragma GCC unroll 7
    for (int j = 0; j < kPatch; ++j) hn::StoreU(out[j], d, v + (i * kPatch + j) * point_step);
  }
}

/// Tiles `tiles` into V [point][c_in / kBlock][tile][kBlock]: tile t stands at
/// v + (t - tiles.begin) * kBlock, blocks of channels block_step and points point_step floats
/// apart.
template <std::int64_t kBlock, int kTile>
inline void gather_tiles(const WinogradProduct<kTile>& p, Range tiles, float* v,
                         std::int64_t block_step, std::int64_t point_step) {
  TilePlace place(p, tiles.begin);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, place.advance(p)) {
    const Patch patch(p, place);
    float* to = v + (t - tiles.begin) * kBlock;
    for (std::int64_t c = 0; c < p.c_in; c += kLanes) {
      transform_patch(patch, c, to + c / kBlock * block_step + c % kBlock, point_step);
    }
  }
}

/// G g G^T for `depth` <= 16 input channels of one panel: from taps [9][16][kPanel] into `u`, whose
/// points are point_step floats apart.
template <int kPatch>
inline void transform_filter(const float* taps, std::int64_t depth, float* u,
                             std::int64_t point_step) {
  const FloatTag d;
  for (std::int64_t l = 0; l < depth; ++l) {
    for (std::int64_t j = 0; j < kPanel; j += kLanes) {
      const float* from = taps + l * kPanel + j;
      float* to = u + l * kPanel + j;
      Vec columns[kPatch][kTaps];
      for (int s = 0; s < kTaps; ++s) {
        Vec in[kTaps], out[kPatch];
        for (int r = 0; r < kTaps; ++r) {
          in[r] = hn::LoadU(d, from + (r * kTaps + s) * kDepthBlock * kPanel);
        }
        transform_taps(in, out);
        for (int i = 0; i < kPatch; ++i) columns[i][s] = out[i];
      }
      for (int i = 0; i < kPatch; ++i) {
        Vec out[kPatch];
        transform_taps(columns[i], out);
        for (int k = 0; k < kPatch; ++k) hn::StoreU(out[k], d, to + (i * kPatch + k) * point_step);
      }
    }
  }
}

/// A^T m A of one tile and one vector of channels: kSize x kSize outputs, or taps of the gradient
/// of w.
template <int kPatch, int kSize>
HWY_INLINE void transform_products(const float* m, std::int64_t point_step,
                                   Vec (&y)[kSize][kSize]) {
  const FloatTag d;
  Vec columns[kSize][kPatch];
#pragma GCC unroll 7
  for (int s = 0; s < kPatch; ++s) {
    Vec in[kPatch], out[kSize];
#pragma GCC unroll 7
    for (int r = 0; r < kPatch; ++r) in[r] = hn::LoadU(d, m + (r * kPatch + s) * point_step);
    transform_outputs(in, out);
#pragma GCC unroll 5
    for (int i = 0; i < kSize; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 5
  for (int i = 0; i < kSize; ++i) transform_outputs(columns[i], y[i]);
}

/// Products of tiles `tiles` and the channels of one panel to y. Tile t's stand at
/// m + (t - tiles.begin) * kPanel.
template <int kTile>
inline void scatter_tiles(const WinogradProduct<kTile>& p, Range tiles, std::int64_t panel,
                          const float* m, std::int64_t point_step) {
  const FloatTag d;
  const std::int64_t first_channel = panel * kPanel;
  const std::int64_t width = std::min(kPanel, p.c_out - first_channel);
  TilePlace place(p, tiles.begin);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, place.advance(p)) {
    const std::int64_t height = std::min<std::int64_t>(kTile, p.y_h - place.i);
    const std::int64_t length = std::min<std::int64_t>(kTile, p.y_w - place.j);
    const std::int64_t corner = ((place.image * p.y_h + place.i) * p.y_w + place.j) * p.c_out;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const std::int64_t channel = first_channel + c;
      const Vec bias = p.bias ? hn::LoadU(d, p.bias + channel) : hn::Zero(d);
      Vec y[kTile][kTile];
      transform_products<WinogradProduct<kTile>::kPatch>(m + (t - tiles.begin) * kPanel + c,
                                                         point_step, y);
#pragma GCC unroll 5
      for (int i = 0; i < kTile; ++i) {
        if (i >= height) break;
#pragma GCC unroll 5
        for (int j = 0; j < kTile; ++j) {
          if (j >= length) break;
          const std::int64_t offset = corner + (i * p.y_w + j) * p.c_out + channel;
          Vec value = hn::Add(y[i][j], bias);
          if (p.addend) value = hn::Add(value, hn::LoadU(d, p.addend + offset));
          if (p.relu) value = relu(value);
          hn::StoreU(value, d, p.y + offset);
        }
      }
    }
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
