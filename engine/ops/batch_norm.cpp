// batch_norm: formulas, forward and backward, in kernels/batch_norm.h.
// saved: training: x, gamma, the batch's mean and 1/std; evaluation: gamma, the running statistics,
// and x if gamma or beta wants a gradient
#include "engine/ops/batch_norm.h"

#include "engine/ops/checks.h"
#include "engine/ops/problems.h"
#include "engine/run_variant.h"

namespace tl {

BatchNormProblem batch_norm_problem(const char* op, const Tensor& x, const BatchNormTensors& t,
                                    const BatchNormOptions& o) {
  check_float(op, x);
  check(x.rank() >= 2, op, ": needs [..., channels], got ", x.shape());
  const std::int64_t channels = x.shape()[-1];
  for (const auto& [name, tensor] : {std::pair{"gamma", t.gamma},
                                     {"beta", t.beta},
                                     {"running_mean", t.running_mean},
                                     {"running_var", t.running_var}}) {
    check_parameter(op, x, name, tensor);
    check_shape(op, name, tensor, {channels});
  }
  return {.rows = channels == 0 ? 0 : x.size() / channels,
          .channels = channels,
          .x_dtype = x.dtype(),
          .stat_dtype = parameter_dtype(x.dtype()),
          .epsilon = o.epsilon,
          .momentum = o.momentum};
}

Tensor batch_norm_forward(const BatchNormProblem& p, const Tensor& x, const Tensor& gamma,
                          const Tensor& beta, BatchNormTrainArgs statistics) {
  Tensor y = Tensor::empty_like(x);
  BatchNormTrainArgs args = statistics;
  args.x = x.readable();
  args.gamma = gamma.readable();
  args.beta = beta.readable();
  args.y = y.writable();
  run_variant(y, y.backend().batch_norm.train, p, args);
  return y;
}

Gradients SavedBatchNorm::gradients(const Tensor& dy, const Needs& needs) const {
  Gradients g(3);
  g[1] = Tensor::empty_like(gamma.get());
  g[2] = Tensor::empty_like(gamma.get());
  BatchNormTrainBackwardArgs args;
  args.x = x.get().readable();
  args.dy = dy.readable();
  args.gamma = gamma.get().readable();
  if (problem.relu) args.beta = beta.get().readable();
  args.mean = mean.get().readable();
  args.inv_std = inv_std.get().readable();
  args.dgamma = g[1].writable();
  args.dbeta = g[2].writable();
  if (needs[0]) {
    g[0] = Tensor::empty_like(dy);
    args.dx = g[0].writable();
  }
  run_variant(dy, dy.backend().batch_norm.train_backward, problem, args);
  return g;
}

Tensor batch_norm_train(const Tensor& x, const BatchNormTensors& t, const BatchNormOptions& o) {
  const char* op = "batch_norm_train";
  const BatchNormProblem p = batch_norm_problem(op, x, t, o);
  check(p.rows > 1, op, ": needs more than one value per channel, got ", x.shape());
  const Tensor mean = Tensor::empty_like(t.gamma), inv_std = Tensor::empty_like(t.gamma);
  BatchNormTrainArgs statistics;
  statistics.mean = mean.writable();
  statistics.inv_std = inv_std.writable();
  statistics.running_mean = t.running_mean.writable();
  statistics.running_var = t.running_var.writable();
  const Tensor y = batch_norm_forward(p, x, t.gamma, t.beta, statistics);
  return record(
      op, y, {x, t.gamma, t.beta},
      [saved =
           SavedBatchNorm{p, {op, x}, {op, t.gamma}, {op, mean}, {op, inv_std}, {op, Tensor{}}}](
          const Tensor& dy, const Needs& needs) { return saved.gradients(dy, needs); });
}

Tensor batch_norm_eval(const Tensor& x, const BatchNormTensors& t, const BatchNormOptions& o) {
  const BatchNormProblem p = batch_norm_problem("batch_norm_eval", x, t, o);
  Tensor y = Tensor::empty_like(x);
  BatchNormEvalArgs args;
  args.x = x.readable();
  args.gamma = t.gamma.readable();
  args.beta = t.beta.readable();
  args.running_mean = t.running_mean.readable();
  args.running_var = t.running_var.readable();
  args.y = y.writable();
  run_variant(y, y.backend().batch_norm.eval, p, args);

  const char* op = "batch_norm_eval";
  const bool is_frozen = !t.gamma.requires_grad() && !t.beta.requires_grad();
  const Saved saved_x(op, is_frozen ? Tensor{} : x);
  return record(
      op, y, {x, t.gamma, t.beta},
      [p, is_frozen, x = saved_x, gamma = Saved(op, t.gamma), mean = Saved(op, t.running_mean),
       var = Saved(op, t.running_var)](const Tensor& dy, const Needs& needs) {
        Gradients g(3);
        BatchNormEvalBackwardArgs a;
        if (!is_frozen) a.x = x.get().readable();
        a.dy = dy.readable();
        a.gamma = gamma.get().readable();
        a.running_mean = mean.get().readable();
        a.running_var = var.get().readable();
        const auto wanted = [&](int i, const Tensor& like) {
          if (!needs[i]) return View{};
          g[i] = Tensor::empty_like(like);
          return g[i].writable();
        };
        a.dx = wanted(0, dy);
        a.dgamma = wanted(1, gamma.get());
        a.dbeta = wanted(2, gamma.get());
        run_variant(dy, dy.backend().batch_norm.eval_backward, p, a);
        return g;
      });
}

}  // namespace tl
