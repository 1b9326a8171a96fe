// batch_norm: formulas, forward and backward, in kernels/batch_norm.h.
// saved: training: x, gamma, the batch's mean and 1/std; evaluation: as evaluate_batch_norm says
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

namespace {

void check_residual(const char* op, const BatchNormProblem& p, const Tensor& x,
                    const Tensor& residual) {
  if (!p.residual) return;
  check(static_cast<bool>(residual), op, ": there is no residual");
  check_alike(op, x, "the residual", residual);
  check_shape(op, "the residual", residual, x.shape());
}

/// What of dy the ReLU lets through is the residual's gradient: it takes dy's place where nobody
/// else has dy.
Tensor residual_gradient(const Tensor& dy) {
  return dy.shares_storage() ? Tensor::empty_like(dy) : dy;
}

}  // namespace

Tensor batch_norm_forward(const BatchNormProblem& p, const Tensor& x, const Tensor& gamma,
                          const Tensor& beta, BatchNormTrainArgs rest) {
  Tensor y = Tensor::empty_like(x);
  BatchNormTrainArgs args = rest;
  args.x = x.readable();
  args.gamma = gamma.readable();
  args.beta = beta.readable();
  args.y = y.writable();
  run_variant(y, y.backend().batch_norm.train, p, args);
  return y;
}

TrainedBatchNorm train_batch_norm(const char* op, const BatchNormProblem& p, const Tensor& x,
                                  const BatchNormTensors& t, const Tensor& residual) {
  check(p.rows > 1, op, ": needs more than one value per channel, got ", x.shape());
  check_residual(op, p, x, residual);
  const Tensor mean = Tensor::empty_like(t.gamma), inv_std = Tensor::empty_like(t.gamma);
  BatchNormTrainArgs rest;
  rest.mean = mean.writable();
  rest.inv_std = inv_std.writable();
  rest.running_mean = t.running_mean.writable();
  rest.running_var = t.running_var.writable();
  if (p.residual) rest.residual = residual.readable();
  return {batch_norm_forward(p, x, t.gamma, t.beta, rest), mean, inv_std};
}

SavedBatchNorm::SavedBatchNorm(const char* op, const BatchNormProblem& p, const Tensor& of_x,
                               const BatchNormTensors& t, const TrainedBatchNorm& trained)
    : problem(p),
      x(op, of_x),
      gamma(op, t.gamma),
      mean(op, trained.mean),
      inv_std(op, trained.inv_std),
      beta(op, p.relu && !p.residual ? t.beta : Tensor{}),
      y(op, p.relu && p.residual ? trained.y : Tensor{}) {}

Gradients SavedBatchNorm::gradients(const Tensor& dy, const Needs& needs) const {
  Gradients g(needs.size());
  g[1] = Tensor::empty_like(gamma.get());
  g[2] = Tensor::empty_like(gamma.get());
  BatchNormTrainBackwardArgs args;
  args.x = x.get().readable();
  args.dy = dy.readable();
  args.gamma = gamma.get().readable();
  if (problem.relu && problem.residual) {
    args.y = y.get().readable();
  } else if (problem.relu) {
    args.beta = beta.get().readable();
  }
  args.mean = mean.get().readable();
  args.inv_std = inv_std.get().readable();
  args.dgamma = g[1].writable();
  args.dbeta = g[2].writable();
  if (needs[0]) {
    g[0] = Tensor::empty_like(dy);
    args.dx = g[0].writable();
  }
  if (problem.residual && needs[3]) {
    g[3] = residual_gradient(dy);
    args.dresidual = g[3].writable();
  }
  run_variant(dy, dy.backend().batch_norm.train_backward, problem, args);
  return g;
}

Tensor batch_norm_train(const Tensor& x, const BatchNormTensors& t, const BatchNormOptions& o) {
  const char* op = "batch_norm_train";
  const BatchNormProblem p = batch_norm_problem(op, x, t, o);
  const TrainedBatchNorm trained = train_batch_norm(op, p, x, t);
  return record(op, trained.y, {x, t.gamma, t.beta},
                [saved = SavedBatchNorm(op, p, x, t, trained)](
                    const Tensor& dy, const Needs& needs) { return saved.gradients(dy, needs); });
}

Tensor evaluate_batch_norm(const char* op, const BatchNormProblem& p, const Tensor& x,
                           const BatchNormTensors& t, const Tensor& residual) {
  check_residual(op, p, x, residual);
  Tensor y = Tensor::empty_like(x);
  BatchNormEvalArgs args;
  args.x = x.readable();
  args.gamma = t.gamma.readable();
  args.beta = t.beta.readable();
  args.running_mean = t.running_mean.readable();
  args.running_var = t.running_var.readable();
  args.y = y.writable();
  if (p.residual) args.residual = residual.readable();
  run_variant(y, y.backend().batch_norm.eval, p, args);

  const bool is_frozen = !t.gamma.requires_grad() && !t.beta.requires_grad();
  const Saved saved_x(op, is_frozen ? Tensor{} : x), saved_y(op, p.relu ? y : Tensor{});
  const std::vector<Tensor> inputs = {x, t.gamma, t.beta, residual};
  return record(op, y, std::span(inputs).first(p.residual ? 4 : 3),
                [p, is_frozen, x = saved_x, y = saved_y, gamma = Saved(op, t.gamma),
                 mean = Saved(op, t.running_mean),
                 var = Saved(op, t.running_var)](const Tensor& dy, const Needs& needs) {
                  Gradients g(needs.size());
                  BatchNormEvalBackwardArgs a;
                  if (!is_frozen) a.x = x.get().readable();
                  if (p.relu) a.y = y.get().readable();
                  a.dy = dy.readable();
                  a.gamma = gamma.get().readable();
                  a.running_mean = mean.get().readable();
                  a.running_var = var.get().readable();
                  const auto wanted = [&](std::size_t i, const auto& make) {
                    if (i >= needs.size() || !needs[i]) return View{};
                    g[i] = make();
                    return g[i].writable();
                  };
                  const auto like_gamma = [&] { return Tensor::empty_like(gamma.get()); };
                  a.dx = wanted(0, [&] { return Tensor::empty_like(dy); });
                  a.dgamma = wanted(1, like_gamma);
                  a.dbeta = wanted(2, like_gamma);
                  a.dresidual = wanted(3, [&] { return residual_gradient(dy); });
                  run_variant(dy, dy.backend().batch_norm.eval_backward, p, a);
                  return g;
                });
}

Tensor batch_norm_eval(const Tensor& x, const BatchNormTensors& t, const BatchNormOptions& o) {
  const char* op = "batch_norm_eval";
  return evaluate_batch_norm(op, batch_norm_problem(op, x, t, o), x, t);
}

}  // namespace tl
