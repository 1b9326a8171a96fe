// conv2d.backward_data "strassen": 1x1 by Strassen's algorithm (strassen-inl.h): dx is the 1x1
// convolution of dy with the transposed filter.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_backward_data_strassen.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_strassen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

std::int64_t backward_data_prepared_bytes(const Conv2dProblem& p) {
  return strassen_pairs(p.c_in) * strassen_pair_floats(p.c_out) *
         static_cast<std::int64_t>(sizeof(float));
}

void backward_data_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  strassen_prepare(p.c_out, p.c_in, prepared,
                   [&](std::int64_t column, std::int64_t depth, std::int64_t half, float* to) {
                     pack_panel(w + depth * p.c_in + column, p.c_in, half, kPanel, half, to);
                   });
}

/// Buffers are left open.
ConvProduct product_of(const Conv2dProblem& p) {
  ConvProduct product;
  product.n = p.n;
  product.grid_h = product.x_h = product.y_h = p.h;
  product.grid_w = product.x_w = product.y_w = p.w;
  product.taps_h = product.taps_w = 1;
  product.channels = product.x_pixel = p.c_out;
  product.columns = product.y_pixel = p.c_in;
  return product;
}

std::int64_t backward_data_workspace_bytes(const Conv2dProblem& p) {
  return strassen_workspace_floats(product_of(p)) * static_cast<std::int64_t>(sizeof(float));
}

void backward_data_run(const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  ConvProduct product = product_of(p);
  product.x = args.dy.as<float>();
  product.w = static_cast<const float*>(args.w.data);
  product.y = args.dx.as<float>();
  if (p.accumulate) product.addend = product.y;
  run_strassen(product, static_cast<float*>(args.workspace.data));
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(backward_data_prepared_bytes);
HWY_EXPORT(backward_data_prepare);
HWY_EXPORT(backward_data_workspace_bytes);
HWY_EXPORT(backward_data_run);

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && is_strassen_shape(p) && p.stride_h == 1 && p.stride_w == 1;
}

std::int64_t prepared_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(backward_data_prepared_bytes)(p);
}

void prepare(Stream, const Conv2dProblem& p, ConstView weights, View prepared) {
  HWY_DYNAMIC_DISPATCH(backward_data_prepare)
  (p, weights.as<float>(), static_cast<float*>(prepared.data));
}

std::int64_t workspace_bytes(const Conv2dProblem& p) {
  return HWY_DYNAMIC_DISPATCH(backward_data_workspace_bytes)(p);
}

void run(Stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  if (p.x_size() == 0) return;
  HWY_DYNAMIC_DISPATCH(backward_data_run)(p, args);
}

double cost(const Conv2dProblem& p) { return strassen_cost(p, p.c_out, p.c_in); }

}  // namespace

Conv2dBackwardDataVariant conv2d_backward_data_strassen() {
  return {.name = "strassen",
          .supports = supports,
          .prepared_bytes = prepared_bytes,
          .prepare = prepare,
          .workspace_bytes = workspace_bytes,
          .run = run,
          .cost = cost};
}

}  // namespace tl::cpu
#endif
