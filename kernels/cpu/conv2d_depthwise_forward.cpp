// conv2d.forward "depthwise": one filter per channel, any kernel, stride, padding and dilation.
// Chunks are rows of y; conv2d_depthwise-inl.h has the idea.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_depthwise_forward.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_depthwise-inl.h"
#include "kernels/cpu/conv2d_variants.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void depthwise_forward_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  transpose_filter(p, w, prepared);
}

void depthwise_forward_run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  const DepthwiseAxis h{p.h, p.out_h(), p.stride_h, -p.pad_h, p.kh, p.dilation_h, p.kh};
  const DepthwiseAxis w{p.w, p.out_w(), p.stride_w, -p.pad_w, p.kw, p.dilation_w, p.kw};
  const float* x = args.x.as<float>();
  const auto* filter = static_cast<const float*>(args.w.data);
  const std::int64_t floats = w.outputs * p.c_out;
  for_each_output_row(p, p.n * h.outputs, w.outputs, [&](std::int64_t row, Range channels) {
    DepthwiseOutput out{args.y.as<float>() + row * floats, p.c_out};
    if (p.bias) out.bias = args.bias.as<float>();
    if (p.residual) out.addend = args.residual.as<float>() + row * floats;
    out.relu = p.relu;
    filter_row(h, w, row % h.outputs, p.c_out, channels, x + row / h.outputs * p.h * p.w * p.c_in,
               filter, out);
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(depthwise_forward_prepare);
HWY_EXPORT(depthwise_forward_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_depthwise_shape(p) && !p.prologue && !p.sums;
}

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return p.w_size() * static_cast<std::int64_t>(sizeof(float));
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(depthwise_forward_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

void run(Stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(depthwise_forward_run)(p, args);
}

}  // namespace

Conv2dForwardVariant conv2d_forward_depthwise() {
  return {.name = "depthwise",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .run = run,
          .cost = depthwise_cost};
}

}  // namespace tl::cpu
#endif
