#include "kernels/cuda/vendor/cudnn_conv2d.h"

#include "kernels/cuda/vendor/call.h"
#include "kernels/cuda/vendor/cudnn_plan.h"

namespace tl::vendor {
namespace {

enum class Pass : std::int64_t { forward = 1, backward_data, backward_weight };

/// What no look at a GPU is needed for.
template <Precision precision>
bool is_possible(const Conv2dProblem& p, Pass pass) {
  const bool is_bf16 = p.x_dtype == DType::bf16;
  if (!is_bf16 && p.x_dtype != DType::f32) return false;
  if (is_bf16 && precision == Precision::tf32) return false;
  // A gradient of the weights may be f32 beside bf16.
  const bool w_fits = p.w_dtype == p.x_dtype ||
                      (pass == Pass::backward_weight && p.w_dtype == parameter_dtype(p.x_dtype));
  return w_fits && p.y_dtype == p.x_dtype && !p.prologue && !p.sums;
}

bool is_empty(const Conv2dProblem& p) {
  return p.x_size() == 0 || p.y_size() == 0 || p.w_size() == 0;
}

PlanKey key_of(const Conv2dProblem& p, Pass pass, Precision precision) {
  return {static_cast<std::int64_t>(pass),
          static_cast<std::int64_t>(precision),
          p.n,
          p.h,
          p.w,
          p.c_in,
          p.c_out,
          p.kh,
          p.kw,
          p.stride_h,
          p.stride_w,
          p.pad_h,
          p.pad_w,
          p.dilation_h,
          p.dilation_w,
          p.groups,
          static_cast<std::int64_t>(p.x_dtype),
          static_cast<std::int64_t>(p.w_dtype),
          p.bias,
          p.residual,
          p.relu,
          p.accumulate};
}

template <Pass pass>
Graph graph_of(const Conv2dProblem& p) {
  if constexpr (pass == Pass::forward) return forward_graph(p);
  if constexpr (pass == Pass::backward_data) return backward_data_graph(p);
  if constexpr (pass == Pass::backward_weight) return backward_weight_graph(p);
}

template <Pass pass, Precision precision>
const Plan* plan_of(const Conv2dProblem& p) {
  return find_plan(key_of(p, pass, precision), p.x_dtype == DType::bf16, precision,
                   [&] { return graph_of<pass>(p); });
}

template <Pass pass, Precision precision>
bool supports(const Conv2dProblem& p) {
  return is_possible<precision>(p, pass) && !is_empty(p) && plan_of<pass, precision>(p);
}

template <Pass pass, Precision precision>
std::int64_t workspace_bytes(const Conv2dProblem& p) {
  const Plan* const plan = plan_of<pass, precision>(p);
  check(plan, "cudnn: no engine for ", p);
  return plan->workspace_bytes();
}

template <Precision precision>
void forward(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  AlignedBuffers buffers(native(stream));
  const void* const bias = p.bias ? buffers.in(args.bias) : nullptr;
  const void* const residual = p.residual ? buffers.in(args.residual) : nullptr;
  plan_of<Pass::forward, precision>(p)->run(stream,
                                            {{Role::x, buffers.in(args.x)},
                                             {Role::w, buffers.in(args.w)},
                                             {Role::y, buffers.out(args.y)},
                                             {Role::bias, bias},
                                             {Role::residual, residual}},
                                            args.workspace.data);
  buffers.finish();
}

template <Precision precision>
void backward_data(Stream stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  AlignedBuffers buffers(native(stream));
  plan_of<Pass::backward_data, precision>(p)->run(stream,
                                                  {{Role::dy, buffers.in(args.dy)},
                                                   {Role::w, buffers.in(args.w)},
                                                   {Role::dx, buffers.out(args.dx, p.accumulate)}},
                                                  args.workspace.data);
  buffers.finish();
}

template <Precision precision>
void backward_weight(Stream stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  AlignedBuffers buffers(native(stream));
  plan_of<Pass::backward_weight, precision>(p)->run(stream,
                                                    {{Role::x, buffers.in(args.x)},
                                                     {Role::dy, buffers.in(args.dy)},
                                                     {Role::dw, buffers.out(args.dw)}},
                                                    args.workspace.data);
  buffers.finish();
}

template <class Args, Pass pass, Precision precision>
Variant<Conv2dProblem, Args> variant(void (*run)(Stream, const Conv2dProblem&, const Args&)) {
  return {.name = precision == Precision::tf32 ? "cudnn_tf32" : "cudnn",
          .supports = supports<pass, precision>,
          .workspace_bytes = workspace_bytes<pass, precision>,
          .run = run,
          .on_request = true};
}

constexpr Precision kExact = Precision::exact, kTf32 = Precision::tf32;

}  // namespace

Variant<Conv2dProblem, Conv2dForwardArgs> cudnn_forward() {
  return variant<Conv2dForwardArgs, Pass::forward, kExact>(forward<kExact>);
}
Variant<Conv2dProblem, Conv2dForwardArgs> cudnn_forward_tf32() {
  return variant<Conv2dForwardArgs, Pass::forward, kTf32>(forward<kTf32>);
}
Variant<Conv2dProblem, Conv2dBackwardDataArgs> cudnn_backward_data() {
  return variant<Conv2dBackwardDataArgs, Pass::backward_data, kExact>(backward_data<kExact>);
}
Variant<Conv2dProblem, Conv2dBackwardDataArgs> cudnn_backward_data_tf32() {
  return variant<Conv2dBackwardDataArgs, Pass::backward_data, kTf32>(backward_data<kTf32>);
}
Variant<Conv2dProblem, Conv2dBackwardWeightArgs> cudnn_backward_weight() {
  return variant<Conv2dBackwardWeightArgs, Pass::backward_weight, kExact>(backward_weight<kExact>);
}
Variant<Conv2dProblem, Conv2dBackwardWeightArgs> cudnn_backward_weight_tf32() {
  return variant<Conv2dBackwardWeightArgs, Pass::backward_weight, kTf32>(backward_weight<kTf32>);
}

}  // namespace tl::vendor
