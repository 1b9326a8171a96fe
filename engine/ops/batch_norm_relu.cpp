// batch_norm_relu_train, batch_norm_relu_eval: y = relu(batch_norm_...(x)), one node of the tape
// and one kernel
//   dy masked where y <= 0, then back through the norm (kernels/batch_norm.h)
// saved: training: x, gamma, beta, the batch's mean and 1/std. Not y: it is made again from x when
// a later op needs it, so that of a convolution, a norm and a ReLU one tensor is kept and not two.
// Evaluation: as evaluate_batch_norm says.
#include "engine/ops/batch_norm.h"
#include "engine/ops/problems.h"

namespace tl {
namespace {

BatchNormProblem relu_problem(const char* op, const Tensor& x, const BatchNormTensors& t,
                              const BatchNormOptions& o) {
  BatchNormProblem p = batch_norm_problem(op, x, t, o);
  p.relu = true;
  return p;
}

}  // namespace

Tensor batch_norm_relu_train(const Tensor& x, const BatchNormTensors& t,
                             const BatchNormOptions& o) {
  const char* op = "batch_norm_relu_train";
  const BatchNormProblem p = relu_problem(op, x, t, o);
  const TrainedBatchNorm trained = train_batch_norm(op, p, x, t);

  const SavedBatchNorm saved(op, p, x, t, trained);
  // The same kernel on the same x gives the same bits; the running statistics it leaves alone.
  const auto recipe = std::make_shared<RemadeTensor>(trained.y, [saved] {
    const Tensor& gamma = saved.gamma.get();
    const Tensor mean_again = Tensor::empty_like(gamma), inv_std_again = Tensor::empty_like(gamma);
    BatchNormTrainArgs again;
    again.mean = mean_again.writable();
    again.inv_std = inv_std_again.writable();
    return batch_norm_forward(saved.problem, saved.x.get(), gamma, saved.beta.get(), again);
  });

  Tensor result = record(op, trained.y, {x, t.gamma, t.beta},
                         [saved, recipe](const Tensor& dy, const Needs& needs) {
                           recipe->finish();  // all ops that used y are newer: they have run
                           return saved.gradients(dy, needs);
                         });
  if (result.requires_grad()) result.impl()->recipe = recipe;
  return result;
}

Tensor batch_norm_relu_eval(const Tensor& x, const BatchNormTensors& t, const BatchNormOptions& o) {
  const char* op = "batch_norm_relu_eval";
  return evaluate_batch_norm(op, relu_problem(op, x, t, o), x, t);
}

}  // namespace tl
