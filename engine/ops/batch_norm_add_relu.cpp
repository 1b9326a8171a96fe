// batch_norm_add_relu_train, batch_norm_add_relu_eval: y = relu(batch_norm_...(x) + residual), one
// node of the tape and one kernel
//   dresidual = dy masked where y <= 0, and that goes back through the norm (kernels/batch_norm.h)
// saved: training: x, gamma, the batch's mean and 1/std, and y, which from x alone could not be
// made again; the next block's ops, which read it, keep it as well. Evaluation: as
// evaluate_batch_norm says.
#include "engine/ops/batch_norm.h"
#include "engine/ops/checks.h"
#include "engine/ops/problems.h"

namespace tl {
namespace {

BatchNormProblem add_relu_problem(const char* op, const Tensor& x, const BatchNormTensors& t,
                                  const BatchNormOptions& o) {
  BatchNormProblem p = batch_norm_problem(op, x, t, o);
  p.relu = p.residual = true;
  return p;
}

}  // namespace

Tensor batch_norm_add_relu_train(const Tensor& x, const Tensor& residual, const BatchNormTensors& t,
                                 const BatchNormOptions& o) {
  const char* op = "batch_norm_add_relu_train";
  const BatchNormProblem p = add_relu_problem(op, x, t, o);
  const TrainedBatchNorm trained = train_batch_norm(op, p, x, t, residual);
  return record(op, trained.y, {x, t.gamma, t.beta, residual},
                [saved = SavedBatchNorm(op, p, x, t, trained)](
                    const Tensor& dy, const Needs& needs) { return saved.gradients(dy, needs); });
}

Tensor batch_norm_add_relu_eval(const Tensor& x, const Tensor& residual, const BatchNormTensors& t,
                                const BatchNormOptions& o) {
  const char* op = "batch_norm_add_relu_eval";
  return evaluate_batch_norm(op, add_relu_problem(op, x, t, o), x, t, residual);
}

}  // namespace tl
