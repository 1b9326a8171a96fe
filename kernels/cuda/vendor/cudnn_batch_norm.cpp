// cuDNN reads the running statistics from one place and writes them to another, and always writes a
// dx: the workspace has room behind cuDNN's own for what the contract does not hand in.
#include "kernels/cuda/vendor/cudnn_batch_norm.h"

#include "kernels/cuda/vendor/call.h"
#include "kernels/cuda/vendor/cudnn_plan.h"

namespace tl::vendor {
namespace {

enum class Pass : std::int64_t { train = 11, train_backward };

template <Pass pass>
bool is_possible(const BatchNormProblem& p) {
  return (p.x_dtype == DType::f32 || p.x_dtype == DType::bf16) && p.stat_dtype == DType::f32 &&
         (pass == Pass::train || (!p.relu && !p.residual)) && p.rows > 0 && p.channels > 0;
}

template <Pass pass>
const Plan* plan_of(const BatchNormProblem& p) {
  const PlanKey key = {static_cast<std::int64_t>(pass),      p.rows, p.channels,
                       static_cast<std::int64_t>(p.x_dtype), p.relu, p.residual};
  return find_plan(key, p.x_dtype == DType::bf16, Precision::exact,
                   [&] { return pass == Pass::train ? train_graph(p) : train_backward_graph(p); });
}

template <Pass pass>
bool supports(const BatchNormProblem& p) {
  return is_possible<pass>(p) && plan_of<pass>(p);
}

constexpr std::int64_t rounded_up(std::int64_t bytes) { return (bytes + 255) / 256 * 256; }

std::int64_t channel_bytes(const BatchNormProblem& p) {
  return rounded_up(p.channels * static_cast<std::int64_t>(sizeof(float)));
}

/// The parts of the workspace behind cuDNN's own.
class Rest {
 public:
  Rest(const Plan& plan, View workspace)
      : next_(static_cast<char*>(workspace.data) + rounded_up(plan.workspace_bytes())) {}
  void* take(std::int64_t bytes) {
    next_ += rounded_up(bytes);
    return next_ - rounded_up(bytes);
  }

 private:
  char* next_;
};

std::int64_t train_bytes(const BatchNormProblem& p) {
  return rounded_up(plan_of<Pass::train>(p)->workspace_bytes()) + 4 * channel_bytes(p);
}

/// dx, where the caller wants none.
std::int64_t dx_bytes(const BatchNormProblem& p) {
  return rounded_up(p.rows * p.channels * static_cast<std::int64_t>(size_of(p.x_dtype)));
}
std::int64_t train_backward_bytes(const BatchNormProblem& p) {
  return rounded_up(plan_of<Pass::train_backward>(p)->workspace_bytes()) + dx_bytes(p);
}

void train(Stream stream, const BatchNormProblem& p, const BatchNormTrainArgs& args) {
  const Plan& plan = *plan_of<Pass::train>(p);
  Rest rest(plan, args.workspace);
  AlignedBuffers buffers(native(stream));
  // What the old statistics are read from, and what the new ones are written to.
  const auto old_of = [&](View running) {
    void* const old = rest.take(channel_bytes(p));
    const std::size_t bytes = static_cast<std::size_t>(p.channels) * sizeof(float);
    if (running)
      check_cuda(
          cudaMemcpyAsync(old, running.data, bytes, cudaMemcpyDeviceToDevice, native(stream)),
          "batch_norm, running statistics");
    else
      check_cuda(cudaMemsetAsync(old, 0, bytes, native(stream)), "batch_norm");
    return old;
  };
  const auto new_of = [&](View running) {
    return running ? buffers.out(running) : rest.take(channel_bytes(p));
  };
  const float epsilon = static_cast<float>(p.epsilon), momentum = static_cast<float>(p.momentum);
  const void* const old_mean = old_of(args.running_mean);
  const void* const old_var = old_of(args.running_var);
  plan.run(stream,
           {{Role::x, buffers.in(args.x)},
            {Role::gamma, buffers.in(args.gamma)},
            {Role::beta, buffers.in(args.beta)},
            {Role::residual, p.residual ? buffers.in(args.residual) : nullptr},
            {Role::y, buffers.out(args.y)},
            {Role::mean, buffers.out(args.mean)},
            {Role::inv_std, buffers.out(args.inv_std)},
            {Role::running_mean, old_mean},
            {Role::running_var, old_var},
            {Role::new_running_mean, new_of(args.running_mean)},
            {Role::new_running_var, new_of(args.running_var)},
            {Role::epsilon, &epsilon},
            {Role::momentum, &momentum}},
           args.workspace.data);
  buffers.finish();
}

void train_backward(Stream stream, const BatchNormProblem& p,
                    const BatchNormTrainBackwardArgs& args) {
  const Plan& plan = *plan_of<Pass::train_backward>(p);
  Rest rest(plan, args.workspace);
  AlignedBuffers buffers(native(stream));
  void* const dx = args.dx ? buffers.out(args.dx) : rest.take(dx_bytes(p));
  plan.run(stream,
           {{Role::x, buffers.in(args.x)},
            {Role::dy, buffers.in(args.dy)},
            {Role::gamma, buffers.in(args.gamma)},
            {Role::mean, buffers.in(args.mean)},
            {Role::inv_std, buffers.in(args.inv_std)},
            {Role::dx, dx},
            {Role::dgamma, buffers.out(args.dgamma)},
            {Role::dbeta, buffers.out(args.dbeta)}},
           args.workspace.data);
  buffers.finish();
}

}  // namespace

Variant<BatchNormProblem, BatchNormTrainArgs> cudnn_train() {
  return {.name = "cudnn",
          .supports = supports<Pass::train>,
          .workspace_bytes = train_bytes,
          .run = train,
          .on_request = true};
}
Variant<BatchNormProblem, BatchNormTrainBackwardArgs> cudnn_train_backward() {
  return {.name = "cudnn",
          .supports = supports<Pass::train_backward>,
          .workspace_bytes = train_backward_bytes,
          .run = train_backward,
          .on_request = true};
}

}  // namespace tl::vendor
