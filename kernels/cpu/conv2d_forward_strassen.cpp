// conv2d.forward "strassen": 1x1 of any stride by Strassen's algorithm (strassen-inl.h): an eighth
// fewer multiply-adds.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/conv2d_forward_strassen.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/conv2d_strassen-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

std::int64_t forward_prepared_bytes(const Conv2dProblem& p) {
  return strassen_pairs(p.c_out) * strassen_pair_floats(p.c_in) *
         static_cast<std::int64_t>(sizeof(float));
}

void forward_prepare(const Conv2dProblem& p, const float* w, float* prepared) {
  strassen_prepare(p.c_in, p.c_out, prepared,
                   [&](std::int64_t column, std::int64_t depth, std::int64_t half, float* to) {
                     pack_panel_transposed(w + column * p.c_in + depth, p.c_in, half, kPanel, half,
                                           to);
                   });
}

std::int64_t forward_workspace_bytes(const Conv2dProblem& p) {
  return strassen_workspace_floats(patches_of_group(p, nullptr, 0)) *
         static_cast<std::int64_t>(sizeof(float));
}

void forward_run(const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  ConvProduct product = patches_of_group(p, args.x.as<float>(), 0);
  product.columns = p.c_out;
  product.w = static_cast<const float*>(args.w.data);
  product.y = args.y.as<float>();
  product.y_h = p.out_h();
  product.y_w = p.out_w();
  product.y_pixel = p.c_out;
  if (p.bias) product.bias = args.bias.as<float>();
  if (p.residual) product.addend = args.residual.as<float>();
  product.relu = p.relu;
  run_strassen(product, static_cast<float*>(args.workspace.data));
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

bool supports(const Conv2dProblem& p) {
  return is_all_f32(p) && !p.prologue && !p.sums && is_strassen_shape(p);
}

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

double cost(const Conv2dProblem& p) { return strassen_cost(p, p.c_in, p.c_out); }

}  // namespace

Conv2dForwardVariant conv2d_forward_strassen() {
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
