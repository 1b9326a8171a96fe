// batch_norm_relu_train: y = relu(batch_norm_train(x)), one node of the tape
//   dy masked where y <= 0, then back through the norm (kernels/batch_norm.h)
// saved: x, gamma, beta, the batch's mean and 1/std. Not y: it is made again from x when this op or
// a later one needs it, so that of a convolution, a norm and a ReLU one tensor is kept and not two.
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/problems.h"
#include "engine/run_variant.h"

namespace tl {
namespace {

constexpr const char* kOp = "batch_norm_relu_train";

/// y. Writes what `statistics` has of mean, inv_std and running statistics; the others are views of
/// nothing.
Tensor normalised(const BatchNormProblem& p, const Tensor& x, const Tensor& gamma,
                  const Tensor& beta, BatchNormTrainArgs statistics) {
  Tensor y = Tensor::empty_like(x);
  BatchNormTrainArgs args = statistics;
  args.x = x.readable();
  args.gamma = gamma.readable();
  args.beta = beta.readable();
  args.y = y.writable();
  run_variant(y, y.backend().batch_norm.train, p, args);
  y.backend().elementwise.unary(y.stream(), {.op = UnaryOp::relu}, y.readable(), y.writable());
  return y;
}

}  // namespace

Tensor batch_norm_relu_train(const Tensor& x, const BatchNormTensors& t,
                             const BatchNormOptions& o) {
  const BatchNormProblem p = batch_norm_problem(kOp, x, t, o);
  check(p.rows > 1, kOp, ": needs more than one value per channel, got ", x.shape());
  const Tensor mean = Tensor::empty_like(t.gamma), inv_std = Tensor::empty_like(t.gamma);
  BatchNormTrainArgs statistics;
  statistics.mean = mean.writable();
  statistics.inv_std = inv_std.writable();
  statistics.running_mean = t.running_mean.writable();
  statistics.running_var = t.running_var.writable();
  Tensor y = normalised(p, x, t.gamma, t.beta, statistics);

  const Saved saved_x(kOp, x), gamma(kOp, t.gamma), beta(kOp, t.beta);
  // The same kernel on the same x gives the same bits; the running statistics it leaves alone.
  const auto recipe = std::make_shared<RemadeTensor>(y, [p, x = saved_x, gamma, beta] {
    const Tensor mean_again = Tensor::empty_like(gamma.get());
    const Tensor inv_std_again = Tensor::empty_like(gamma.get());
    BatchNormTrainArgs again;
    again.mean = mean_again.writable();
    again.inv_std = inv_std_again.writable();
    return normalised(p, x.get(), gamma.get(), beta.get(), again);
  });

  Tensor result =
      record(kOp, y, {x, t.gamma, t.beta},
             [p, x = saved_x, gamma, mean = Saved(kOp, mean), inv_std = Saved(kOp, inv_std),
              recipe](const Tensor& dy, const Needs& needs) {
               const Tensor masked = Tensor::empty_like(dy);
               dy.backend().elementwise.unary_backward(dy.stream(), {.op = UnaryOp::relu},
                                                       recipe->get().readable(), dy.readable(),
                                                       masked.writable());
               recipe->finish();  // all ops that used y are newer: they have run
               Gradients g(3);
               g[1] = Tensor::empty_like(gamma.get());
               g[2] = Tensor::empty_like(gamma.get());
               BatchNormTrainBackwardArgs a;
               a.x = x.get().readable();
               a.dy = masked.readable();
               a.gamma = gamma.get().readable();
               a.mean = mean.get().readable();
               a.inv_std = inv_std.get().readable();
               a.dgamma = g[1].writable();
               a.dbeta = g[2].writable();
               if (needs[0]) {
                 g[0] = masked;  // dx may take dy's place
                 a.dx = g[0].writable();
               }
               run_variant(dy, dy.backend().batch_norm.train_backward, p, a);
               return g;
             });
  if (result.requires_grad()) result.impl()->recipe = recipe;
  return result;
}

}  // namespace tl
