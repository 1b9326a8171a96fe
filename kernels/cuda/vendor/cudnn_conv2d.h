// conv2d by cuDNN: "cudnn" (f32 and bf16) and "cudnn_tf32" (f32), in all three passes. Bias,
// residual and ReLU are fused; a prologue and channel sums are not supported, nor is what no engine
// of cuDNN on this GPU takes.
#pragma once

#include "kernels/conv2d.h"

namespace tl::vendor {

Variant<Conv2dProblem, Conv2dForwardArgs> cudnn_forward();
Variant<Conv2dProblem, Conv2dForwardArgs> cudnn_forward_tf32();
Variant<Conv2dProblem, Conv2dBackwardDataArgs> cudnn_backward_data();
Variant<Conv2dProblem, Conv2dBackwardDataArgs> cudnn_backward_data_tf32();
Variant<Conv2dProblem, Conv2dBackwardWeightArgs> cudnn_backward_weight();
Variant<Conv2dProblem, Conv2dBackwardWeightArgs> cudnn_backward_weight_tf32();

}  // namespace tl::vendor
