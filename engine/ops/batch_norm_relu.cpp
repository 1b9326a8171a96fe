// batch_norm_relu_train: y = relu(batch_norm_train(x)), one node of the tape and one kernel
//   dy masked where y <= 0, then back through the norm (kernels/batch_norm.h)
// saved: x, gamma, beta, the batch's mean and 1/std. Not y: it is made again from x when a later op
// needs it, so that of a convolution, a norm and a ReLU one tensor is kept and not two.
#include "engine/ops/batch_norm.h"
#include "engine/ops/checks.h"
#include "engine/ops/problems.h"

namespace tl {

Tensor batch_norm_relu_train(const Tensor& x, const BatchNormTensors& t,
                             const BatchNormOptions& o) {
  const char* op = "batch_norm_relu_train";
  BatchNormProblem p = batch_norm_problem(op, x, t, o);
  p.relu = true;
  check(p.rows > 1, op, ": needs more than one value per channel, got ", x.shape());
  const Tensor mean = Tensor::empty_like(t.gamma), inv_std = Tensor::empty_like(t.gamma);
  BatchNormTrainArgs statistics;
  statistics.mean = mean.writable();
  statistics.inv_std = inv_std.writable();
  statistics.running_mean = t.running_mean.writable();
  statistics.running_var = t.running_var.writable();
  Tensor y = batch_norm_forward(p, x, t.gamma, t.beta, statistics);

  const SavedBatchNorm saved = {p, {op, x}, {op, t.gamma}, {op, mean}, {op, inv_std}, {op, t.beta}};
  // The same kernel on the same x gives the same bits; the running statistics it leaves alone.
  const auto recipe = std::make_shared<RemadeTensor>(y, [saved] {
    const Tensor& gamma = saved.gamma.get();
    const Tensor mean_again = Tensor::empty_like(gamma), inv_std_again = Tensor::empty_like(gamma);
    BatchNormTrainArgs again;
    again.mean = mean_again.writable();
    again.inv_std = inv_std_again.writable();
    return batch_norm_forward(saved.problem, saved.x.get(), gamma, saved.beta.get(), again);
  });

  Tensor result =
      record(op, y, {x, t.gamma, t.beta}, [saved, recipe](const Tensor& dy, const Needs& needs) {
        recipe->finish();  // all ops that used y are newer: they have run
        return saved.gradients(dy, needs);
      });
  if (result.requires_grad()) result.impl()->recipe = recipe;
  return result;
}

}  // namespace tl
