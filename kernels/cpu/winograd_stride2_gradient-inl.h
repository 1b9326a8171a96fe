// What both gradients at stride 2 begin with: tiles of dy on the 25 points.
#if defined(TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_
#undef TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_
#else
#define TL_CPU_WINOGRAD_STRIDE2_GRADIENT_INL_H_
#endif

#include "kernels/cpu/winograd_gradient-inl.h"
#include "kernels/cpu/winograd_stride2_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// Z [25][channels / block][tile][block] of `tiles` and some output channels, with tile t at
/// z + (t - tiles.begin) * block; blocks of channels block_step, points point_step floats apart.
inline void gather_output_gradient(const Conv2dProblem& p, const float* dy, Range tiles,
                                   Range channels, std::int64_t block, std::int64_t block_step,
                                   std::int64_t point_step, float* z) {
  const std::int64_t out_h = p.out_h(), out_w = p.out_w();
  const auto transform = [](const Vec(&in)[kPhaseOutputs], Vec(&out)[kPhasePoints])
                             HWY_ATTR { phase_outputs_gradient(in, out); };
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, z += block) {
    const Stride2Tile tile(p, t);
    const std::int64_t pixel = (tile.image * out_h + tile.i) * out_w + tile.j;
    GradientTile gradient = {dy + pixel * p.c_out + channels.begin, out_w * p.c_out, p.c_out,
                             out_h - tile.i, out_w - tile.j};
    for (std::int64_t c = 0; c < channels.size(); c += kLanes, gradient.pixel += kLanes) {
      transform_gradient<kPhasePoints>(gradient, transform, z + c / block * block_step + c % block,
                                       point_step);
    }
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
