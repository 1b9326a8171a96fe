// batch_norm in training by cuDNN: "cudnn", f32 and bf16, statistics in f32. Forward takes a
// residual and a ReLU where cuDNN has an engine for it, backward takes neither.
#pragma once

#include "kernels/batch_norm.h"

namespace tl::vendor {

Variant<BatchNormProblem, BatchNormTrainArgs> cudnn_train();
Variant<BatchNormProblem, BatchNormTrainBackwardArgs> cudnn_train_backward();

}  // namespace tl::vendor
