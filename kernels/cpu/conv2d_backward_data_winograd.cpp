// conv2d.backward_data "winograd_f4x4": the gradient of x of a 3x3 convolution of stride 1 is a
// convolution of dy with the filter turned by 180 degrees and its channels exchanged, padded by
// 2 - pad; so it is the same WinogradProduct as the forward pass.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_data_winograd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/winograd_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

using Product = WinogradProduct<4>;

Product product_of(const Conv2dProblem& p) {
  Product product;
  product.n = p.n;
  product.x_h = p.out_h();
  product.x_w = p.out_w();
  product.c_in = p.c_out;
  product.pad_h = kTaps - 1 - p.pad_h;
  product.pad_w = kTaps - 1 - p.pad_w;
  product.y_h = p.h;
  product.y_w = p.w;
  product.c_out = p.c_in;
  return product;
}

std::int64_t winograd_backward_data_prepared_bytes(const Conv2dProblem& p) {
  return winograd_filter_floats<4>(p.c_out, p.c_in) * static_cast<std::int64_t>(sizeof(float));
}

void winograd_backward_data_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  constexpr std::int64_t kAllTaps = kTaps * kTaps;
  prepare_winograd_filter<4>(
      p.c_out, p.c_in, prepared, [&](std::int64_t panel, std::int64_t co, float* taps) {
        const std::int64_t ci = panel * kPanel, width = std::min(kPanel, p.c_in - ci);
        for (std::int64_t tap = 0; tap < kAllTaps; ++tap) {
          const std::int64_t turned = kAllTaps - 1 - tap;
          pack_panel(w + (co * kAllTaps + turned) * p.c_in + ci, kAllTaps * p.c_in, kDepthBlock,
                     width, kDepthBlock, taps + tap * kDepthBlock * kPanel);
        }
      });
}

std::int64_t winograd_backward_data_workspace_bytes(const Conv2dProblem& p) {
  const WinogradBlocking<4> blocking(product_of(p).tiles(), p.c_out, p.c_in);
  return blocking.workspace_floats() * static_cast<std::int64_t>(sizeof(float));
}

void winograd_backward_data_run(const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  Product product = product_of(p);
  product.x = args.dy.as<float>();
  product.u = static_cast<const float*>(args.w.data);
  product.y = args.dx.as<float>();
  if (p.accumulate) product.addend = product.y;
  run_winograd_product(product, static_cast<float*>(args.workspace.data));
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(winograd_backward_data_prepared_bytes);
HWY_EXPORT(winograd_backward_data_prepare);
HWY_EXPORT(winograd_backward_data_workspace_bytes);
HWY_EXPORT(winograd_backward_data_run);

bool supports(const Conv2dProblem& p) { return is_all_f32(p) && is_winograd_shape(p); }

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(winograd_backward_data_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(winograd_backward_data_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  if (p.x_size() == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(winograd_backward_data_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  if (p.x_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(winograd_backward_data_run)(p, args);
}

double cost(const Conv2dProblem& p) { return winograd_cost(p, 4); }

}  // namespace

Conv2dBackwardDataVariant conv2d_backward_data_winograd() {
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
