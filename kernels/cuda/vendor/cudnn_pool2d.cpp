#include "kernels/cuda/vendor/cudnn_pool2d.h"

#include "kernels/cuda/vendor/call.h"
#include "kernels/cuda/vendor/cudnn_plan.h"

namespace tl::vendor {
namespace {

enum class Pass : std::int64_t { forward = 21, backward };

/// What no look at a GPU is needed for.
template <class Problem>
bool is_possible(const Problem& p) {
  return (p.dtype == DType::f32 || p.dtype == DType::bf16) && p.x_size() > 0 && p.y_size() > 0 &&
         pool_windows(p).has_value();
}

template <Pass pass, class Problem>
const Plan* plan_of(const Problem& p) {
  const PoolWindows w = *pool_windows(p);
  const TensorShape x = x_shape(p), y = y_shape(p);
  PlanKey key = {static_cast<std::int64_t>(pass), static_cast<std::int64_t>(w.mode),
                 static_cast<std::int64_t>(p.dtype)};
  for (const auto* numbers : {&x.extents, &y.extents})
    key.insert(key.end(), numbers->begin(), numbers->end());
  for (const auto* numbers : {&w.window, &w.stride, &w.before, &w.after})
    key.insert(key.end(), numbers->begin(), numbers->end());
  return find_plan(key, p.dtype == DType::bf16, Precision::exact, [&] {
    return pass == Pass::forward ? pool_graph(w, p.dtype, x, y)
                                 : pool_backward_graph(w, p.dtype, x, y);
  });
}

template <Pass pass, class Problem>
bool supports(const Problem& p) {
  return is_possible(p) && plan_of<pass>(p);
}

template <Pass pass, class Problem>
std::int64_t workspace_bytes(const Problem& p) {
  const Plan* const plan = plan_of<pass>(p);
  check(plan, "cudnn: no engine for ", p);
  return plan->workspace_bytes();
}

template <class Problem, class Args>
void forward(Stream stream, const Problem& p, const Args& args) {
  AlignedBuffers buffers(native(stream));
  plan_of<Pass::forward>(p)->run(
      stream, {{Role::x, buffers.in(args.x)}, {Role::y, buffers.out(args.y)}}, args.workspace.data);
  buffers.finish();
}

void average_backward(Stream stream, const AveragePool2dProblem& p,
                      const AveragePool2dBackwardArgs& args) {
  AlignedBuffers buffers(native(stream));
  plan_of<Pass::backward>(p)->run(
      stream, {{Role::dy, buffers.in(args.dy)}, {Role::dx, buffers.out(args.dx)}},
      args.workspace.data);
  buffers.finish();
}

template <Pass pass, class Problem, class Args>
Variant<Problem, Args> variant(void (*run)(Stream, const Problem&, const Args&)) {
  return {.name = "cudnn",
          .supports = supports<pass, Problem>,
          .workspace_bytes = workspace_bytes<pass, Problem>,
          .run = run,
          .on_request = true};
}

}  // namespace

Variant<MaxPool2dProblem, MaxPool2dForwardArgs> cudnn_max_pool() {
  return variant<Pass::forward>(forward<MaxPool2dProblem, MaxPool2dForwardArgs>);
}
Variant<AveragePool2dProblem, AveragePool2dForwardArgs> cudnn_average_pool() {
  return variant<Pass::forward>(forward<AveragePool2dProblem, AveragePool2dForwardArgs>);
}
Variant<AveragePool2dProblem, AveragePool2dBackwardArgs> cudnn_average_pool_backward() {
  return variant<Pass::backward>(average_backward);
}

}  // namespace tl::vendor
