// conv2d.backward_weight "winograd_f3x3" and "winograd_f3x3_5x5": 3x3, stride 1, as Winograd's
// F(3x3, 4x4) or F(3x3, 5x5). A tile of 4x4 or 5x5 pixels of dy plays the filter, the patch of x
// around it, 6x6 or 7x7, the input, and the 3x3 results are summed over all tiles, which can be
// done before they are transformed back. winograd_weight-inl.h has the order of the work; here
// slices are the 36 or 49 points.
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

#ifndef TL_CPU_CONV2D_BACKWARD_WEIGHT_WINOGRAD_CPP_
#define TL_CPU_CONV2D_BACKWARD_WEIGHT_WINOGRAD_CPP_
namespace tl::cpu {
namespace {

/// What is compiled for every instruction set.
struct WinogradBackwardWeight {
  std::int64_t (*workspace_bytes)(const Conv2dProblem& p);
  void (*run)(const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args);
};

}  // namespace
}  // namespace tl::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

template <int kTile>
WinogradWeightBlocking blocking_of(const WinogradProduct<kTile>& p) {
  return WinogradWeightBlocking({p.kPlane, p.kPlane, p.tiles(), p.c_in, p.c_out});
}

template <int kTile>
std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return blocking_of(forward_tiles<kTile>(p)).workspace_floats() *
         static_cast<std::int64_t>(sizeof(float));
}

/// Tiles `tiles` of some channels of dy into Z; tile t stands at
/// z + (t - tiles.begin) * channels.size().
template <int kTile>
void gather_gradient(const WinogradProduct<kTile>& p, const float* dy, Range tiles, Range channels,
                     float* z, std::int64_t point_step) {
  constexpr int kPatch = WinogradProduct<kTile>::kPatch;
  const auto transform = [](const Vec(&in)[kTile], Vec(&out)[kPatch])
                             HWY_ATTR { transform_taps(in, out); };
  TilePlace place(p, tiles.begin);
  for (std::int64_t t = tiles.begin; t < tiles.end; ++t, place.advance(p)) {
    const std::int64_t pixel = (place.image * p.y_h + place.i) * p.y_w + place.j;
    GradientTile tile = {dy + pixel * p.c_out + channels.begin, p.y_w * p.c_out, p.c_out,
                         p.y_h - place.i, p.y_w - place.j};
    for (std::int64_t c = 0; c < channels.size(); c += kLanes, tile.pixel += kLanes, z += kLanes) {
      transform_gradient<kPatch, kTile>(tile, transform, z, point_step);
    }
  }
}

/// One output channel of dw, [3, 3, c_in], from D of its band.
template <int kTile>
void transform_back(const WinogradWeightBlocking& blocking, std::int64_t band_co, const float* d,
                    float* dw) {
  using Product = WinogradProduct<kTile>;
  HWY_ALIGN float sums[Product::kPlane * kLanes];
  for (std::int64_t ci = 0; ci < blocking.c_in; ci += kLanes) {
    sum_parts(blocking, d, band_co, ci, sums);
    Vec taps[kTaps][kTaps];
    transform_products<Product::kPatch>(sums, kLanes, taps);
    for (int r = 0; r < kTaps; ++r) {
      for (int s = 0; s < kTaps; ++s) {
        hn::StoreU(taps[r][s], FloatTag(), dw + (r * kTaps + s) * blocking.c_in + ci);
      }
    }
  }
}

template <int kTile>
void run(const Conv2dProblem& problem, const Conv2dBackwardWeightArgs& args) {
  WinogradProduct<kTile> p = forward_tiles<kTile>(problem);
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
        transform_back<kTile>(blocking, band_co, d,
                              args.dw.as<float>() + co * kTaps * kTaps * p.c_in);
      });
}

WinogradBackwardWeight winograd_backward_weight_4x4() { return {workspace_bytes<4>, run<4>}; }
WinogradBackwardWeight winograd_backward_weight_5x5() { return {workspace_bytes<5>, run<5>}; }

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_backward_weight_4x4);
HWY_EXPORT(winograd_backward_weight_5x5);

/// Those of the instruction set that runs.
template <int kTile>
WinogradBackwardWeight functions() {
  return kTile == 4 ? HWY_DYNAMIC_DISPATCH(winograd_backward_weight_4x4)()
                    : HWY_DYNAMIC_DISPATCH(winograd_backward_weight_5x5)();
}

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_shape(p) && !p.prologue && p.y_size() > 0;
}

template <int kTile>
std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return functions<kTile>().workspace_bytes(p);
}

template <int kTile>
void run(Stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  if (p.w_size() == 0) return;
  functions<kTile>().run(p, args);
}

template <int kTile>
double cost(const Conv2dProblem& p) {
  return winograd_weight_cost(p, kTile);
}

template <int kTile>
Conv2dBackwardWeightVariant variant(const char* name) {
  return {.name = name,
          .supports = supports,
          .workspace_bytes = workspace_bytes<kTile>,
          .run = run<kTile>,
          .cost = cost<kTile>};
}

}  // namespace

Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_4x4() {
  return variant<4>("winograd_f3x3");
}
Conv2dBackwardWeightVariant conv2d_backward_weight_winograd_5x5() {
  return variant<5>("winograd_f3x3_5x5");
}

}  // namespace tl::cpu
#endif
