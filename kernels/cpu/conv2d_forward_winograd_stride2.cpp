// conv2d.forward "winograd_stride2": 3x3 at stride 2, the first convolution of every stage of a
// ResNet, by Winograd's algorithm in tiles of 4x4 outputs. Take x apart by the parity of row and
// column: on these four phases the stride is 1, and the filter has two taps in each even direction
// and one in each odd one. Their products are summed point by point
// (winograd_stride2_transform-inl.h): 81 multiplications for 16 outputs instead of 144. The filter
// is prepared as U [panel][81][c_in][kPanel], nine times its size.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_winograd_stride2.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_stride2_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

std::int64_t stride2_prepared_bytes(const Conv2dProblem& p) {
  return stride2_filter_floats(p.c_in, p.c_out) * static_cast<std::int64_t>(sizeof(float));
}

void stride2_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  prepare_stride2_filter(
      p.c_in, p.c_out, prepared, [&](std::int64_t panel, std::int64_t ci, float* taps) {
        const std::int64_t co = panel * kPanel, width = std::min(kPanel, p.c_out - co);
        for (std::int64_t tap = 0; tap < kFilterTaps; ++tap) {
          pack_panel_transposed(w + (co * kFilterTaps + tap) * p.c_in + ci, kFilterTaps * p.c_in,
                                kDepthBlock, width, kDepthBlock, taps + tap * kDepthBlock * kPanel);
        }
      });
}

std::int64_t stride2_workspace_bytes(const Conv2dProblem& p) {
  return Stride2Blocking(p).workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

void stride2_run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  const Stride2Product product = {p,
                                  args.x.as<float>(),
                                  static_cast<const float*>(args.w.data),
                                  args.y.as<float>(),
                                  p.bias ? args.bias.as<float>() : nullptr,
                                  p.residual ? args.residual.as<float>() : nullptr};
  run_stride2_product(product, static_cast<float*>(args.workspace.data));
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(stride2_prepared_bytes);
HWY_EXPORT(stride2_prepare);
HWY_EXPORT(stride2_workspace_bytes);
HWY_EXPORT(stride2_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_winograd_stride2_shape(p) && !p.prologue && !p.sums;
}

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(stride2_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(stride2_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  if (p.y_size() == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(stride2_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(stride2_run)(p, args);
}

double cost(const Conv2dProblem& p) { return winograd_stride2_cost(p); }

}  // namespace

Conv2dForwardVariant conv2d_forward_winograd_stride2() {
  return {.name = "winograd_stride2",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
