// The transforms of the stem on tiles in memory (winograd_stem_transform-inl.h has the arithmetic).
// A block is up to 28 neighbouring tiles of one row of tiles.
//
//   gather_stem_tiles   rows of x                     -> V [49][depth][tile]
//   scatter_stem_tiles  products M [49][tile][kPanel] -> 4x4 pixels of y, with the epilogue
//
// The depth of a point: phase of h, phase of w, channel, as far as the phase has this point.
#if defined(TL_CPU_WINOGRAD_STEM_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STEM_TILES_INL_H_
#undef TL_CPU_WINOGRAD_STEM_TILES_INL_H_
#else
#define TL_CPU_WINOGRAD_STEM_TILES_INL_H_
#endif

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_stem_rows-inl.h"
#include "kernels/cpu/winograd_stem_transform-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

constexpr int kStemKernel = 7;
constexpr int kStemPlane = kStemPoints * kStemPoints;
// Rows of x from one row of tiles to the next, and those that one sees.
constexpr std::int64_t kStemRowStep = 2 * kOutputs;
constexpr std::int64_t kStemRowsSeen = 2 * (kOutputs - 1) + kStemKernel;
constexpr std::int64_t kStemBlock = 28;

// Steps are known at compile time, because a transform visits 49 places for each vector, and an odd
// number of cache lines, so that these do not compete for the same sets of the cache.
constexpr std::int64_t kVRowStep = round_up(kStemBlock, kLanes);
constexpr std::int64_t kVPointStep = (divide_up(4 * kMaxStemChannels * kVRowStep, 16) | 1) * 16;
constexpr std::int64_t kMPointStep = (divide_up(kStemBlock * kPanel, 16) | 1) * 16;

/// Phases that have point `i` of one dimension: the last one belongs to four taps only.
constexpr int phases_of(int i) { return i < kPoints ? 2 : 1; }

constexpr std::int64_t depth_of(int i, int j, std::int64_t c_in) {
  return phases_of(i) * phases_of(j) * c_in;
}

/// Floats of U of one panel, and of the sums that the filter's gradient is made of.
constexpr std::int64_t stem_panel_floats(std::int64_t c_in) {
  constexpr std::int64_t kPerDimension = kStemPoints + kPoints;
  return kPerDimension * kPerDimension * c_in * kPanel;
}

/// G of a phase at point i, for the tap that is `tap` in the whole filter.
inline double stem_weight(int phase, int i, int tap) {
  return phase == 0 ? kFourTaps[i][tap / 2] : kThreeTaps[i][tap / 2];
}

/// B^T d B of one channel and one phase, the one that has kH points in h and kW in w.
template <int kH, int kW>
inline void transform_phase(const StemRows& rows, std::int64_t first_row, Range tiles,
                            std::int64_t c_in, std::int64_t channel, float* v) {
  constexpr int kPhaseH = kH == kStemPoints ? 0 : 1, kPhaseW = kW == kStemPoints ? 0 : 1;
  const FloatTag d;
  for (std::int64_t t = tiles.begin; t < tiles.end; t += kLanes, v += kLanes) {
    Vec columns[kH][kW];  // [point of h][s]
#pragma GCC unroll 7
    for (int s = 0; s < kW; ++s) {
      Vec in[kH], out[kH];
#pragma GCC unroll 7
      for (int r = 0; r < kH; ++r) {
        in[r] = hn::LoadU(d, rows.tiles(first_row + 2 * r + kPhaseH, 2 * s + kPhaseW, channel) + t);
      }
      transform_inputs(in, out);
#pragma GCC unroll 7
      for (int i = 0; i < kH; ++i) columns[i][s] = out[i];
    }
#pragma GCC unroll 7
    for (int i = 0; i < kH; ++i) {
      Vec out[kW];
      transform_inputs(columns[i], out);
#pragma GCC unroll 7
      for (int j = 0; j < kW; ++j) {
        const std::int64_t l = (kPhaseH * phases_of(j) + kPhaseW) * c_in + channel;
        hn::StoreU(out[j], d, v + (i * kStemPoints + j) * kVPointStep + l * kVRowStep);
      }
    }
  }
}

/// V of `tiles` of the row of tiles that begins at row `first_row` of the padded picture.
inline void gather_stem_tiles(const StemRows& rows, std::int64_t first_row, Range tiles,
                              std::int64_t c_in, float* v) {
  for (std::int64_t c = 0; c < c_in; ++c) {
    transform_phase<kStemPoints, kStemPoints>(rows, first_row, tiles, c_in, c, v);
    transform_phase<kStemPoints, kPoints>(rows, first_row, tiles, c_in, c, v);
    transform_phase<kPoints, kStemPoints>(rows, first_row, tiles, c_in, c, v);
    transform_phase<kPoints, kPoints>(rows, first_row, tiles, c_in, c, v);
  }
}

/// A^T m A of one tile and one vector of channels.
HWY_INLINE void transform_stem_products(const float* m, Vec (&y)[kOutputs][kOutputs]) {
  const FloatTag d;
  Vec columns[kOutputs][kStemPoints];
#pragma GCC unroll 7
  for (int s = 0; s < kStemPoints; ++s) {
    Vec in[kStemPoints], out[kOutputs];
#pragma GCC unroll 7
    for (int r = 0; r < kStemPoints; ++r) {
      in[r] = hn::LoadU(d, m + (r * kStemPoints + s) * kMPointStep);
    }
    transform_outputs(in, out);
#pragma GCC unroll 4
    for (int i = 0; i < kOutputs; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < kOutputs; ++i) transform_outputs(columns[i], y[i]);
}

/// Where the products go, and the epilogue. Null: none.
struct StemOutput {
  float* y;
  const float* bias;
  const float* residual;
  bool relu;
  bool streams;  // y past the caches: vectors are whole lines (streaming.h)
};

/// Products of one panel to y: `tiles` of row `tile_row` of the tiles of picture `image`.
inline void scatter_stem_tiles(const Conv2dProblem& p, const StemOutput& to, std::int64_t image,
                               std::int64_t tile_row, Range tiles, std::int64_t panel,
                               const float* m) {
  const FloatTag d;
  const std::int64_t out_h = p.out_h(), out_w = p.out_w(), row_step = out_w * p.c_out;
  const std::int64_t i = tile_row * kOutputs;
  const std::int64_t height = std::min<std::int64_t>(kOutputs, out_h - i);
  const std::int64_t first_channel = panel * kPanel;
  const std::int64_t width = std::min(kPanel, p.c_out - first_channel);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, m += kPanel) {
    const std::int64_t j = t * kOutputs;
    const std::int64_t length = std::min<std::int64_t>(kOutputs, out_w - j);
    const std::int64_t corner = (image * out_h + i) * row_step + j * p.c_out + first_channel;
    for (std::int64_t c = 0; c < width; c += kLanes) {
      Vec y[kOutputs][kOutputs];
      transform_stem_products(m + c, y);
      const Vec bias = to.bias ? hn::LoadU(d, to.bias + first_channel + c) : hn::Zero(d);
#pragma GCC unroll 4
      for (int r = 0; r < kOutputs; ++r) {
        if (r >= height) break;
#pragma GCC unroll 4
        for (int s = 0; s < kOutputs; ++s) {
          if (s >= length) break;
          const std::int64_t offset = corner + r * row_step + s * p.c_out + c;
          Vec value = hn::Add(y[r][s], bias);
          if (to.residual) value = hn::Add(value, hn::LoadU(d, to.residual + offset));
          if (to.relu) value = relu(value);
          if (to.streams) {
            hn::Stream(value, d, to.y + offset);
          } else {
            hn::StoreU(value, d, to.y + offset);
          }
        }
      }
    }
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
