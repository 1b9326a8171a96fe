// conv2d.backward_weight "winograd_f3x3": 3x3, stride 1, as Winograd's F(3x3, 4x4). A tile of 4x4
// pixels of dy plays the filter, the patch of 6x6 pixels of x around it the input, and the 3x3
// results are summed over all tiles, which can be done before they are transformed back.
// winograd_weight-inl.h has the order of the work; here slices are the 36 points.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_weight_winograd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_gradient-inl.h"
#include "kernels/cpu/winograd_tiles-inl.h"
#include "kernels/cpu/winograd_weight-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

using Product = WinogradProduct<kOutputs>;
constexpr std::int64_t kPlane = Product::kPlane;

WinogradWeightBlocking blocking_of(const Product& p) {
  return WinogradWeightBlocking({kPlane, kPlane, p.tiles(), p.c_in, p.c_out});
}

std::int64_t winograd_backward_weight_workspace_bytes(const Conv2dProblem& p) {
  return blocking_of(forward_tiles<kOutputs>(p)).workspace_floats() *
         static_cast<std::int64_t>(sizeof(float));
}

/// Tiles `tiles` of some channels of dy into Z; tile t stands at
/// z + (t - tiles.begin) * channels.size().
void gather_gradient(const Product& p, const float* dy, Range tiles, Range channels, float* z,
                     std::int64_t point_step) {
  const auto transform = [](const Vec(&in)[kOutputs], Vec(&out)[kPoints])
                             HWY_ATTR { transform_taps(in, out); };
  TilePlace place(p, tiles.begin);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, place.advance(p)) {
    const std::int64_t pixel = (place.image * p.y_h + place.i) * p.y_w + place.j;
    GradientTile tile = {dy + pixel * p.c_out + channels.begin, p.y_w * p.c_out, p.c_out,
                         p.y_h - place.i, p.y_w - place.j};
    for (std::int64_t c = 0; c < channels.size(); c += kLanes, tile.pixel += kLanes, z += kLanes) {
      transform_gradient<kPoints>(tile, transform, z, point_step);
    }
  }
}

/// One output channel of dw, [3, 3, c_in], from D of its band.
void transform_back(const WinogradWeightBlocking& blocking, std::int64_t band_co, const float* d,
                    float* dw) {
  HWY_ALIGN float sums[kPlane * kLanes];
  for (std::int64_t ci = 0; ci < blocking.c_in; ci += kLanes) {
    sum_parts(blocking, d, band_co, ci, sums);
    Vec taps[kTaps][kTaps];
    transform_products<kPoints>(sums, kLanes, taps);
    for (int r = 0; r < kTaps; ++r) {
      for (int s = 0; s < kTaps; ++s) {
        hn::StoreU(taps[r][s], FloatTag(), dw + (r * kTaps + s) * blocking.c_in + ci);
      }
    }
  }
}

void winograd_backward_weight_run(const Conv2dProblem& problem,
                                  const Conv2dBackwardWeightArgs& args) {
  Product p = forward_tiles<kOutputs>(problem);
  p.x = args.x.as<float>();
  const WinogradWeightBlocking blocking = blocking_of(p);
  run_winograd_weight(
      blocking, static_cast<float*>(args.workspace.data),
      [&](const WinogradWeightBlock& block, Range tiles) {
        const std::int64_t at = tiles.begin - block.tiles.begin;
        if (!block.has_v) {
          gather_tiles<kPanel>(p, tiles, block.v + at * kPanel, block.tiles.size() * kPanel,
                               blocking.v_step);
        }
        gather_gradient(p, args.dy.as<float>(), tiles, block.channels,
                        block.z + at * block.channels.size(), blocking.z_step);
      },
      [](std::int64_t point, const auto& f) { f(point); },
      [&](const float* d, std::int64_t co, std::int64_t band_co) {
        transform_back(blocking, band_co, d, args.dw.as<float>() + co * kTaps * kTaps * p.c_in);
      });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_backward_weight_workspace_bytes);
HWY_EXPORT(winograd_backward_weight_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_shape(p) && !p.prologue && p.y_size() > 0;
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(winograd_backward_weight_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  if (p.w_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(winograd_backward_weight_run)(p, args);
}

/// D is written, and read again for dw.
double cost(const Conv2dProblem& p) { return winograd_cost(p, 4, 2 * kFilterReadCost); }

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_winograd() {
  return {.name = "winograd_f3x3",
          .supports = supports,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
