// conv2d.forward "winograd_f4x4": 3x3, stride 1, by Winograd's algorithm in tiles of 4x4 outputs
// (winograd_product-inl.h): 4 times fewer multiplications, at five to seven times the rounding
// error of a direct sum. The filter is prepared as U [panel][36][c_in][kPanel].
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_winograd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

std::int64_t winograd_forward_prepared_bytes(const Conv2dProblem& p) {
  return winograd_filter_floats(p.c_in, p.c_out) * static_cast<std::int64_t>(sizeof(float));
}

void winograd_forward_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  constexpr std::int64_t kAllTaps = kTaps * kTaps;
  prepare_winograd_filter(
      p.c_in, p.c_out, prepared, [&](std::int64_t panel, std::int64_t channel, float* taps) {
        const std::int64_t width = std::min(kPanel, p.c_out - panel * kPanel);
        for (std::int64_t tap = 0; tap < kAllTaps; ++tap) {
          pack_panel_transposed(w + (panel * kPanel * kAllTaps + tap) * p.c_in + channel,
                                kAllTaps * p.c_in, kDepthBlock, width, kDepthBlock,
                                taps + tap * kDepthBlock * kPanel);
        }
      });
}

std::int64_t winograd_forward_workspace_bytes(const Conv2dProblem& p) {
  const WinogradBlocking blocking(forward_tiles(p).tiles(), p.c_in, p.c_out);
  return blocking.workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

void winograd_forward_run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  WinogradProduct product = forward_tiles(p);
  product.x = args.x.as<float>();
  product.u = static_cast<const float*>(args.w.data);
  product.y = args.y.as<float>();
  if (p.bias) product.bias = args.bias.as<float>();
  if (p.residual) product.addend = args.residual.as<float>();
  product.relu = p.relu;
  run_winograd_product(product, static_cast<float*>(args.workspace.data));
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_forward_prepared_bytes);
HWY_EXPORT(winograd_forward_prepare);
HWY_EXPORT(winograd_forward_workspace_bytes);
HWY_EXPORT(winograd_forward_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_shape(p) && !p.prologue && !p.sums;
}

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(winograd_forward_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(winograd_forward_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  if (p.y_size() == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(winograd_forward_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(winograd_forward_run)(p, args);
}

double cost(const Conv2dProblem& p) { return winograd_cost(p); }

}  // namespace

Conv2dForwardVariant conv2d_forward_winograd() {
  return {.name = "winograd_f4x4",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
