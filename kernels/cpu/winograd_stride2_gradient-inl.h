// What both gradients at stride 2 begin with: tiles of dy on the 25 points.
#if defined(TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_
#undef TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_
#else
#define TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_
#endif

#include "kernels/cpu/winograd_stride2_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// A dy A^T of one tile and one vector of channels: dy at the tile's first pixel, of which height x
/// width are inside; points point_step floats apart.
HWY_INLINE void transform_output_gradient(const float* dy, std::int64_t row_step,
                                          std::int64_t pixel_step, std::int64_t height,
                                          std::int64_t width, float* z, std::int64_t point_step) {
  const FloatTag d;
  Vec columns[kPhasePoints][kPhaseOutputs];
#pragma GCC unroll 4
  for (int s = 0; s < kPhaseOutputs; ++s) {
    Vec in[kPhaseOutputs], out[kPhasePoints];
#pragma GCC unroll 4
    for (int r = 0; r < kPhaseOutputs; ++r) {
      const bool inside = r < height && s < width;
      in[r] = inside ? hn::LoadU(d, dy + r * row_step + s * pixel_step) : hn::Zero(d);
    }
    phase_outputs_gradient(in, out);
#pragma GCC unroll 5
    for (int i = 0; i < kPhasePoints; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 5
  for (int i = 0; i < kPhasePoints; ++i) {
    Vec out[kPhasePoints];
    phase_outputs_gradient(columns[i], out);
#pragma GCC unroll 5
    for (int j = 0; j < kPhasePoints; ++j) {
      hn::StoreU(out[j], d, z + (i * kPhasePoints + j) * point_step);
    }
  }
}

/// Z [25][c_out / block][tile][block] of `tiles`, with tile t at z + (t - tiles.begin) * block;
/// blocks of channels block_step, points point_step floats apart.
inline void gather_output_gradient(const Conv2dProblem& p, const float* dy, Range tiles,
                                   std::int64_t block, std::int64_t block_step,
                                   std::int64_t point_step, float* z) {
  const std::int64_t out_h = p.out_h(), out_w = p.out_w();
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, z += block) {
    const Stride2Tile tile(p, t);
    const float* corner = dy + ((tile.image * out_h + tile.i) * out_w + tile.j) * p.c_out;
    for (std::int64_t c = 0; c < p.c_out; c += kLanes) {
      transform_output_gradient(corner + c, out_w * p.c_out, p.c_out, out_h - tile.i,
                                out_w - tile.j, z + c / block * block_step + c % block, point_step);
    }
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
