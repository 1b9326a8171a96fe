// What the batch_norm ops share: the same kernels, with or without a residual and a ReLU in them
// (BatchNormProblem). Each op's page says what it is the same as.
#pragma once

#include "engine/ops.h"

namespace tl {

/// y of the kernel in training. `rest` says where mean, inv_std and the running statistics go, and
/// has the residual.
Tensor batch_norm_forward(const BatchNormProblem& p, const Tensor& x, const Tensor& gamma,
                          const Tensor& beta, BatchNormTrainArgs rest);

/// The forward half of an op in training.
struct TrainedBatchNorm {
  Tensor y, mean, inv_std;
};
/// Checks what batch_norm_problem() has not; moves the running statistics.
TrainedBatchNorm train_batch_norm(const char* op, const BatchNormProblem& p, const Tensor& x,
                                  const BatchNormTensors& t, const Tensor& residual = {});

/// The backward half.
struct SavedBatchNorm {
  BatchNormProblem problem;
  Saved x, gamma, mean, inv_std;
  Saved beta;  ///< with a ReLU alone: y is made again
  Saved y;     ///< with a ReLU after a residual

  SavedBatchNorm(const char* op, const BatchNormProblem& p, const Tensor& x,
                 const BatchNormTensors& t, const TrainedBatchNorm& trained);
  /// Of x, gamma, beta and, with one, the residual.
  Gradients gradients(const Tensor& dy, const Needs& needs) const;
};

/// All of an op in evaluation; its gradients are those of x, gamma, beta and, with one, the
/// residual.
/// saved: gamma, the running statistics; x if gamma or beta wants a gradient; with a ReLU y
Tensor evaluate_batch_norm(const char* op, const BatchNormProblem& p, const Tensor& x,
                           const BatchNormTensors& t, const Tensor& residual = {});

}  // namespace tl
