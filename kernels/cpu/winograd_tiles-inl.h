// Winograd's transforms on tiles in memory (winograd_transform-inl.h has the arithmetic):
//
//   gather_tiles      patches of 6x6 pixels of x   ->  V [36][c_in / 16][tile][16]
//   transform_filter  panels of the filter         ->  U [panel][36][c_in][kPanel]
//   scatter_tiles     products M [36][tile][kPanel] -> 4x4 pixels of y, with the epilogue
//
// V is the microkernel's DepthMajor16 and U its panels, once for each of the 36 points.
#if defined(TL_CPU_WINOGRAD_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_TILES_INL_H_
#undef TL_CPU_WINOGRAD_TILES_INL_H_
#else
#define TL_CPU_WINOGRAD_TILES_INL_H_
#endif

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/pack-inl.h"
#include "kernels/cpu/winograd_product.h"
#include "kernels/cpu/winograd_transform-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// The 6x6 pixels of one tile's patch; null: outside of x, zero.
struct Patch {
  const float* pixel[kPoints][kPoints];

  Patch(const WinogradProduct& p, const TilePlace& tile) {
    for (std::int64_t r = 0; r < kPoints; ++r) {
      const std::int64_t h = tile.i - p.pad_h + r;
      for (std::int64_t s = 0; s < kPoints; ++s) {
        const std::int64_t w = tile.j - p.pad_w + s;
        const bool inside = h >= 0 && h < p.x_h && w >= 0 && w < p.x_w;
        pixel[r][s] = inside ? p.x + ((tile.image * p.x_h + h) * p.x_w + w) * p.c_in : nullptr;
      }
    }
  }
};

/// B^T d B of one patch and one vector of channels, point after point `point_step` floats apart.
HWY_INLINE void transform_patch(const Patch& patch, std::int64_t channel, float* v,
                                std::int64_t point_step) {
  const FloatTag d;
  Vec columns[kPoints][kPoints];  // [point of h][s]
#pragma GCC unroll 6
  for (int s = 0; s < kPoints; ++s) {
    Vec in[kPoints], out[kPoints];
#pragma GCC unroll 6
    for (int r = 0; r < kPoints; ++r) {
      const float* pixel = patch.pixel[r][s];
      in[r] = pixel ? hn::LoadU(d, pixel + channel) : hn::Zero(d);
    }
    transform_inputs(in, out);
#pragma GCC unroll 6
    for (int i = 0; i < kPoints; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kPoints; ++i) {
    Vec out[kPoints];
    transform_inputs(columns[i], out);
#pragma GCC unroll 6
    for (int j = 0; j < kPoints; ++j) hn::StoreU(out[j], d, v + (i * kPoints + j) * point_step);
  }
}

/// Tiles `tiles` into V [36][c_in / kBlock][tile][kBlock]: tile t stands at
/// v + (t - tiles.begin) * kBlock, blocks of channels block_step and points point_step floats
/// apart.
template <std::int64_t kBlock>
inline void gather_tiles(const WinogradProduct& p, Range tiles, float* v, std::int64_t block_step,
                         std::int64_t point_step) {
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
inline void transform_filter(const float* taps, std::int64_t depth, float* u,
                             std::int64_t point_step) {
  const FloatTag d;
  for (std::int64_t l = 0; l < depth; ++l) {
    for (std::int64_t j = 0; j < kPanel; j += kLanes) {
      const float* from = taps + l * kPanel + j;
      float* to = u + l * kPanel + j;
      Vec columns[kPoints][kTaps];
      for (int s = 0; s < kTaps; ++s) {
        Vec in[kTaps], out[kPoints];
        for (int r = 0; r < kTaps; ++r) {
          in[r] = hn::LoadU(d, from + (r * kTaps + s) * kDepthBlock * kPanel);
        }
        transform_taps(in, out);
        for (int i = 0; i < kPoints; ++i) columns[i][s] = out[i];
      }
      for (int i = 0; i < kPoints; ++i) {
        Vec out[kPoints];
        transform_taps(columns[i], out);
        for (int k = 0; k < kPoints; ++k)
          hn::StoreU(out[k], d, to + (i * kPoints + k) * point_step);
      }
    }
  }
}

/// A^T m A of one tile and one vector of channels; 4x4 outputs, or 3x3 for the gradient of w.
template <int kSize>
HWY_INLINE void transform_products(const float* m, std::int64_t point_step,
                                   Vec (&y)[kSize][kSize]) {
  const FloatTag d;
  Vec columns[kSize][kPoints];
#pragma GCC unroll 6
  for (int s = 0; s < kPoints; ++s) {
    Vec in[kPoints], out[kSize];
#pragma GCC unroll 6
    for (int r = 0; r < kPoints; ++r) in[r] = hn::LoadU(d, m + (r * kPoints + s) * point_step);
    transform_outputs(in, out);
#pragma GCC unroll 4
    for (int i = 0; i < kSize; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < kSize; ++i) transform_outputs(columns[i], y[i]);
}

/// Products of tiles `tiles` and the channels of one panel to y. Tile t's stand at
/// m + (t - tiles.begin) * kPanel.
inline void scatter_tiles(const WinogradProduct& p, Range tiles, std::int64_t panel, const float* m,
                          std::int64_t point_step) {
  const FloatTag d;
  const std::int64_t first_channel = panel * kPanel;
  const std::int64_t width = std::min(kPanel, p.c_out - first_channel);
  TilePlace place(p, tiles.begin);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, place.advance(p)) {
    const std::int64_t height = std::min<std::int64_t>(kOutputs, p.y_h - place.i);
    const std::int64_t length = std::min<std::int64_t>(kOutputs, p.y_w - place.j);
    const std::int64_t corner = ((place.image * p.y_h + place.i) * p.y_w + place.j) * p.c_out;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      const std::int64_t channel = first_channel + c;
      const Vec bias = p.bias ? hn::LoadU(d, p.bias + channel) : hn::Zero(d);
      Vec y[kOutputs][kOutputs];
      transform_products(m + (t - tiles.begin) * kPanel + c, point_step, y);
#pragma GCC unroll 4
      for (int i = 0; i < kOutputs; ++i) {
        if (i >= height) break;
#pragma GCC unroll 4
        for (int j = 0; j < kOutputs; ++j) {
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
