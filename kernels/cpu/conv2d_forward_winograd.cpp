// conv2d.forward "winograd_f2x2", "winograd_f4x4" and "winograd_f5x5": 3x3, stride 1, by Winograd's
// algorithm in tiles of 2x2, 4x4 or 5x5 outputs (winograd_product-inl.h).
//
//   f4x4   4 times fewer multiplications, at five to seven times the rounding error of a direct
//          sum; reads a filter four times as large
//   f5x5   4.6 times fewer, at two to three times the rounding error of f4x4; reads a filter 5.4
//          times as large. Where tiles of 4x4 would stand out far over the edge: 14 is 3 * 5 - 1
//          and 4 * 4 - 2
//   f2x2   2.25 times fewer, at less than twice the rounding error of a direct sum; reads a filter
//          1.8 times as large. For few pixels and many channels, where reading the filter takes
//          the time
//
// The filter is prepared as U [panel][point][c_in][kPanel].
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_winograd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/winograd_product-inl.h"
#include "kernels/cpu/winograd_variant.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

template <int kTile>
std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return winograd_filter_floats<kTile>(p.c_in, p.c_out) * static_cast<std::int64_t>(sizeof(float));
}

template <int kTile>
void prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  constexpr std::int64_t kAllTaps = kTaps * kTaps;
  prepare_winograd_filter<kTile>(
      p.c_in, p.c_out, prepared, [&](std::int64_t panel, std::int64_t channel, float* taps) {
        const std::int64_t width = std::min(kPanel, p.c_out - panel * kPanel);
        for (std::int64_t tap = 0; tap < kAllTaps; ++tap) {
          pack_panel_transposed(w + (panel * kPanel * kAllTaps + tap) * p.c_in + channel,
                                kAllTaps * p.c_in, kDepthBlock, width, kDepthBlock,
                                taps + tap * kDepthBlock * kPanel);
        }
      });
}

template <int kTile>
std::int64_t workspace_bytes(const Conv2dProblem& p) {
  const std::int64_t tiles = forward_tiles<kTile>(p).tiles();
  if (tiles == 0) return 0;
  const WinogradBlocking<kTile> blocking(tiles, p.c_in, p.c_out);
  return blocking.workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

template <int kTile>
void run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  WinogradProduct<kTile> product = forward_tiles<kTile>(p);
  if (product.tiles() == 0) return;
  product.x = args.x.as<float>();
  product.u = static_cast<const float*>(args.w.data);
  product.y = args.y.as<float>();
  if (p.bias) product.bias = args.bias.as<float>();
  if (p.residual) product.addend = args.residual.as<float>();
  product.relu = p.relu;
  run_winograd_product(product, static_cast<float*>(args.workspace.data));
}

using Functions = WinogradFunctions<Conv2dForwardArgs>;

template <int kTile>
Functions functions() {
  return {prepared_bytes<kTile>, prepare<kTile>, workspace_bytes<kTile>, run<kTile>};
}

Functions winograd_forward_f2x2() { return functions<2>(); }
Functions winograd_forward_f4x4() { return functions<4>(); }
Functions winograd_forward_f5x5() { return functions<5>(); }

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_forward_f2x2);
HWY_EXPORT(winograd_forward_f4x4);
HWY_EXPORT(winograd_forward_f5x5);

/// Those of the instruction set that runs.
template <int kTile>
WinogradFunctions<Conv2dForwardArgs> functions() {
  if constexpr (kTile == 2) return HWY_DYNAMIC_DISPATCH(winograd_forward_f2x2)();
  if constexpr (kTile == 4) return HWY_DYNAMIC_DISPATCH(winograd_forward_f4x4)();
  if constexpr (kTile == 5) return HWY_DYNAMIC_DISPATCH(winograd_forward_f5x5)();
}

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_shape(p) && !p.prologue && !p.sums;
}

template <int kTile>
Conv2dForwardVariant variant(const char* name) {
  return winograd_variant<kTile, Conv2dForwardArgs, functions<kTile>>(name, supports);
}

}  // namespace

Conv2dForwardVariant conv2d_forward_winograd_f2x2() { return variant<2>("winograd_f2x2"); }
Conv2dForwardVariant conv2d_forward_winograd_f4x4() { return variant<4>("winograd_f4x4"); }
Conv2dForwardVariant conv2d_forward_winograd_f5x5() { return variant<5>("winograd_f5x5"); }

}  // namespace tl::cpu
#endif
