// conv2d.backward_data "depthwise": one filter per channel, any kernel, stride, padding and
// dilation. The pixels of dx of one residue modulo the strides are a depthwise convolution of
// stride 1 of dy with some of the taps (residue_taps.h). Chunks are rows of dx.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_depthwise_backward_data.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_depthwise-inl.h"
#include "kernels/cpu/conv2d_variants.h"
#include "kernels/cpu/residue_taps.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void depthwise_backward_data_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  transpose_filter(p, w, prepared);
}

/// From dy of size `inputs` to the pixels of one residue.
DepthwiseAxis residue_axis(const ResidueTaps& of_residue, std::int64_t inputs,
                           std::int64_t kernel) {
  return {.inputs = inputs,
          .outputs = of_residue.pixels,
          .step = 1,
          .origin = of_residue.origin,
          .taps = of_residue.taps,
          .tap_step = of_residue.tap_step,
          .kernel = kernel,
          .first_tap = of_residue.last,
          .filter_step = -of_residue.period};
}

void depthwise_backward_data_run(const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  const auto* filter = static_cast<const float*>(args.w.data);
  const std::int64_t picture = p.out_h() * p.out_w() * p.c_out;
  for_each_output_row(p, p.n * p.h, p.w, [&](std::int64_t row, Range channels) {
    const float* dy = args.dy.as<float>() + row / p.h * picture;
    const std::int64_t i = row % p.h;
    const DepthwiseAxis h = residue_axis(
        {i % p.stride_h, p.h, p.kh, p.stride_h, p.pad_h, p.dilation_h}, p.out_h(), p.kh);
    for (std::int64_t residue = 0; residue < std::min(p.stride_w, p.w); ++residue) {
      const DepthwiseAxis w =
          residue_axis({residue, p.w, p.kw, p.stride_w, p.pad_w, p.dilation_w}, p.out_w(), p.kw);
      float* dx = args.dx.as<float>() + (row * p.w + residue) * p.c_in;
      DepthwiseOutput out{dx, p.stride_w * p.c_in};
      if (p.accumulate) out.addend = dx;
      filter_row(h, w, i / p.stride_h, p.c_in, channels, dy, filter, out);
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(depthwise_backward_data_prepare);
HWY_EXPORT(depthwise_backward_data_run);

bool supports(const Conv2dProblem& p) { return is_all_f32(p) && is_depthwise_shape(p); }

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return p.w_size() * static_cast<std::int64_t>(sizeof(float));
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(depthwise_backward_data_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  if (p.x_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(depthwise_backward_data_run)(p, args);
}

}  // namespace

Conv2dBackwardDataVariant conv2d_backward_data_depthwise() {
  return {.name = "depthwise",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .run = run,
          .cost = depthwise_cost};
}

}  // namespace tl::cpu
#endif
