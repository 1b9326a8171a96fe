// batch_norm in training by cuDNN: "cudnn", f32 and bf16, statistics in f32.
#pragma once

#include "kernels/batch_norm.h"

namespace tl::vendor {

Variant<BatchNormProblem, BatchNormTrainArgs> cudnn_train();
Variant<BatchNormProblem, BatchNormTrainBackwardArgs> cudnn_train_backward();

}  // namespace tl::vendor
