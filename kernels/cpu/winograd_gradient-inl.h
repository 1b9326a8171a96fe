// transform_gradient: a square tile of dy, as every gradient by Winograd's algorithm begins.
#if defined(TL_CPU_WINOGRAD_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_GRADIENT_INL_H_
#undef TL_CPU_WINOGRAD_GRADIENT_INL_H_
#else
#define TL_CPU_WINOGRAD_GRADIENT_INL_H_
#endif

#include "kernels/cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// Where the tile's first pixel is, and how many rows and columns are inside of dy; the others
/// count as zero.
struct GradientTile {
  const float* pixel;
  std::int64_t row_step, pixel_step;
  std::int64_t height, width;
};

/// T dy T^T of one vector of channels, where transform(in, out) is T from kPixels pixels to
/// kPointCount points; these go point_step floats apart.
template <int kPointCount, int kPixels = 4, class Transform>
HWY_INLINE void transform_gradient(const GradientTile& tile, const Transform& transform, float* z,
                                   std::int64_t point_step) {
  const FloatTag d;
  Vec columns[kPointCount][kPixels];
#pragma GCC unroll 5
  for (int s = 0; s < kPixels; ++s) {
    Vec in[kPixels], out[kPointCount];
#pragma GCC unroll 5
    for (int r = 0; r < kPixels; ++r) {
      const bool inside = r < tile.height && s < tile.width;
      in[r] =
          inside ? hn::LoadU(d, tile.pixel + r * tile.row_step + s * tile.pixel_step) : hn::Zero(d);
    }
    transform(in, out);
#pragma GCC unroll 7
    for (int i = 0; i < kPointCount; ++i) columns[i][s] = out[i];
  }
#pragma GCC unroll 7
  for (int i = 0; i < kPointCount; ++i) {
    Vec out[kPointCount];
    transform(columns[i], out);
#pragma GCC unroll 7
    for (int j = 0; j < kPointCount; ++j) {
      hn::StoreU(out[j], d, z + (i * kPointCount + j) * point_step);
    }
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
