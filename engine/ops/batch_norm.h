// What batch_norm_train and batch_norm_relu_train share: the same kernels, with or without the ReLU
// in them (BatchNormProblem::relu).
#pragma once

#include "engine/ops.h"

namespace tl {

/// y of the kernel in training. `statistics` says where mean, inv_std and the running statistics
/// go.
Tensor batch_norm_forward(const BatchNormProblem& p, const Tensor& x, const Tensor& gamma,
                          const Tensor& beta, BatchNormTrainArgs statistics);

/// What goes back through it.
struct SavedBatchNorm {
  BatchNormProblem problem;
  Saved x, gamma, mean, inv_std;
  Saved beta;  ///< of nothing without a ReLU

  /// Of x, gamma and beta.
  Gradients gradients(const Tensor& dy, const Needs& needs) const;
};

}  // namespace tl
