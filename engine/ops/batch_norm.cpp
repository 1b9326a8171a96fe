// batch_norm: formulas, forward and backward, in kernels/batch_norm.h.
// saved: training: x, gamma, the batch's mean and 1/std; evaluation: gamma, the running statistics,
// and x if gamma or beta wants a gradient
#include "engine/ops.h"
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
    check_alike(op, x, name, tensor);
    check_shape(op, name, tensor, {channels});
  }
  return {.rows = channels == 0 ? 0 : x.size() / channels,
          .channels = channels,
          .x_dtype = x.dtype(),
          .stat_dtype = x.dtype(),
          .epsilon = o.epsilon,
          .momentum = o.momentum};
}

Tensor batch_norm_train(const Tensor& x, const BatchNormTensors& t, const BatchNormOptions& o) {
  const BatchNormProblem p = batch_norm_problem("batch_norm_train", x, t, o);
  check(p.rows > 1, "batch_norm_train: needs more than one value per channel, got ", x.shape());
  Tensor y = Tensor::empty_like(x);
  const Tensor mean = Tensor::empty_like(t.gamma), inv_std = Tensor::empty_like(t.gamma);
  BatchNormTrainArgs args;
  args.x = x.readable();
  args.gamma = t.gamma.readable();
  args.beta = t.beta.readable();
  args.y = y.writable();
  args.mean = mean.writable();
  args.inv_std = inv_std.writable();
  args.running_mean = t.running_mean.writable();
  args.running_var = t.running_var.writable();
  run_variant(y, y.backend().batch_norm.train, p, args);

  const char* op = "batch_norm_train";
  return record(op, y, {x, t.gamma, t.beta},
                [p, x = Saved(op, x), gamma = Saved(op, t.gamma), mean = Saved(op, mean),
                 inv_std = Saved(op, inv_std)](const Tensor& dy, const Needs& needs) {
                  Gradients g(3);
                  g[1] = Tensor::empty_like(gamma.get());
                  g[2] = Tensor::empty_like(gamma.get());
                  BatchNormTrainBackwardArgs a;
                  a.x = x.get().readable();
                  a.dy = dy.readable();
                  a.gamma = gamma.get().readable();
                  a.mean = mean.get().readable();
                  a.inv_std = inv_std.get().readable();
                  a.dgamma = g[1].writable();
                  a.dbeta = g[2].writable();
                  if (needs[0]) {
                    g[0] = Tensor::empty_like(dy);
                    a.dx = g[0].writable();
                  }
                  run_variant(dy, dy.backend().batch_norm.train_backward, p, a);
                  return g;
                });
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
