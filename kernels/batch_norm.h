// Contract of batch_norm: per-channel normalisation over all rows (n, h, w of an NHWC tensor).
// Source: Ioffe and Szegedy, "Batch Normalization", 2015; arithmetic as in PyTorch.
//
//   training:   mean = sum(x) / rows        var = sum((x - mean)^2) / rows
//               inv_std = 1 / sqrt(var + epsilon)
//               y = gamma * (x - mean) * inv_std + beta
//               running_mean += momentum * (mean - running_mean)
//               running_var  += momentum * (var * rows / (rows - 1) - running_var)
//   backward:   x_hat = (x - mean) * inv_std
//               dbeta = sum(dy)             dgamma = sum(dy * x_hat)
//               dx = gamma * inv_std * (dy - dbeta / rows - x_hat * dgamma / rows)
//   evaluation: y = gamma * (x - running_mean) / sqrt(running_var + epsilon) + beta
//   backward:   dx = gamma / sqrt(running_var + epsilon) * dy; dbeta, dgamma as above with x_hat
//               from the running statistics, which are constants
//
//   residual:   y = the above + residual; backward: dresidual = dy
//   relu:       y = max(the above, 0); backward: dy counts as 0 where y <= 0, in all of the above.
//               In training without a residual, backward makes y again from x, so nobody has to
//               keep it.
//
// x, y, residual and their gradients [rows, channels]; everything else [channels] in `stat_dtype`,
// the parameter_dtype of `x_dtype`. Outputs are overwritten, the running statistics updated in
// place. y may alias x or residual; one of dx and dresidual may alias dy. rows of 1 in training is
// an error of the caller's (the unbiased variance does not exist). The mean is subtracted before
// squaring or the sums are merged (Chan et al. 1979): E[x^2] - E[x]^2 is not accurate enough.
// y is rounded to its dtype once, after the residual and the ReLU. Deterministic.
#pragma once

#include <cstdint>
#include <ostream>

#include "kernels/variant.h"

namespace tl {

struct BatchNormProblem {
  std::int64_t rows = 1, channels = 1;
  DType x_dtype = DType::f32, stat_dtype = DType::f32;
  double epsilon = 1e-5, momentum = 0.1;
  bool relu = false, residual = false;

  /// Of x, y and the residual, each once; backward moves at least as much. Statistics do not count.
  double bytes() const {
    return (residual ? 3 : 2) * static_cast<double>(rows) * static_cast<double>(channels) *
           static_cast<double>(size_of(x_dtype));
  }
};

std::ostream& operator<<(std::ostream& out, const BatchNormProblem& p);

struct BatchNormTrainArgs {
  ConstView x, gamma, beta;
  View y;
  View mean, inv_std;              ///< written: what backward needs
  View running_mean, running_var;  ///< updated; absent: left alone
  View workspace;
  ConstView residual;  ///< with `residual`
};

struct BatchNormTrainBackwardArgs {
  ConstView x, dy, gamma, mean, inv_std;
  View dx, dgamma, dbeta;  ///< dx absent: not computed
  View workspace;
  ConstView beta;  ///< with `relu` alone
  ConstView y;     ///< with `relu` and `residual`
  View dresidual;  ///< with `residual`; absent: not computed
};

struct BatchNormEvalArgs {
  ConstView x, gamma, beta, running_mean, running_var;
  View y;
  ConstView residual;  ///< with `residual`
};

struct BatchNormEvalBackwardArgs {
  ConstView x;  ///< may be absent where neither dgamma nor dbeta is wanted
  ConstView dy, gamma, running_mean, running_var;
  View dx, dgamma, dbeta;  ///< each may be absent: not computed
  View workspace;
  ConstView y;     ///< with `relu`
  View dresidual;  ///< with `residual`; absent: not computed
};

struct BatchNormKernels {
  VariantSlot<BatchNormProblem, BatchNormTrainArgs> train{"batch_norm.train"};
  VariantSlot<BatchNormProblem, BatchNormTrainBackwardArgs> train_backward{
      "batch_norm.train_backward"};
  VariantSlot<BatchNormProblem, BatchNormEvalArgs> eval{"batch_norm.eval"};
  VariantSlot<BatchNormProblem, BatchNormEvalBackwardArgs> eval_backward{
      "batch_norm.eval_backward"};
};

}  // namespace tl
