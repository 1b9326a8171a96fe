// conv2d.forward "implicit_gemm": any kernel, stride, padding, dilation and groups, as one
// ConvProduct per group. The filter is packed into panels once: [group][panel][r, s, ci][kPanel].
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_implicit_gemm.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_product-inl.h"
#include "kernels/cpu/conv2d_variants.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

std::int64_t group_depth(const Conv2dProblem& p) { return p.kh * p.kw * (p.c_in / p.groups); }

std::int64_t group_filter_floats(const Conv2dProblem& p) {
  return packed_filter_floats(group_depth(p), p.c_out / p.groups);
}

std::int64_t forward_prepared_bytes(const Conv2dProblem& p) {
  return p.groups * group_filter_floats(p) * static_cast<std::int64_t>(sizeof(float));
}

void forward_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  const std::int64_t depth = group_depth(p), padded = round_up(depth, kDepthBlock);
  const std::int64_t columns = p.c_out / p.groups;
  parallel_for(p.groups * panels(columns), [&](std::int64_t chunk, int) {
    const std::int64_t group = chunk / panels(columns);
    const std::int64_t column = chunk % panels(columns) * kPanel;
    pack_panel_transposed(w + (group * columns + column) * depth, depth, depth,
                          std::min(kPanel, columns - column), padded,
                          prepared + chunk * padded * kPanel);
  });
}

std::int64_t forward_workspace_bytes(const Conv2dProblem& p) {
  ConvProduct product = patches_of_group(p, nullptr, 0);
  product.columns = p.c_out / p.groups;
  return conv_workspace_floats(product) * static_cast<std::int64_t>(sizeof(float));
}

ConvProduct product_of_group(const Conv2dProblem& p, const Conv2dForwardArgs& args,
                             std::int64_t group) {
  ConvProduct product = patches_of_group(p, args.x.as<float>(), group);
  product.columns = p.c_out / p.groups;
  product.w = static_cast<const float*>(args.w.data) + group * group_filter_floats(p);
  const std::int64_t first_channel = group * product.columns;
  product.y = args.y.as<float>() + first_channel;
  product.y_h = p.out_h();
  product.y_w = p.out_w();
  product.y_pixel = p.c_out;
  if (p.bias) product.bias = args.bias.as<float>() + first_channel;
  if (p.residual) product.addend = args.residual.as<float>() + first_channel;
  product.relu = p.relu;
  return product;
}

void forward_run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  for (std::int64_t group = 0; group < p.groups; ++group) {
    run_conv_product(product_of_group(p, args, group), static_cast<float*>(args.workspace.data));
  }
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(forward_prepared_bytes);
HWY_EXPORT(forward_prepare);
HWY_EXPORT(forward_workspace_bytes);
HWY_EXPORT(forward_run);

bool supports(const Conv2dProblem& p) { return is_all_f32(p) && !p.prologue && !p.sums; }

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(forward_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(forward_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(forward_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(forward_run)(p, args);
}

double cost(const Conv2dProblem& p) { return implicit_gemm_cost(p); }

}  // namespace

Conv2dForwardVariant conv2d_forward_implicit_gemm() {
  return {.name = "implicit_gemm",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
