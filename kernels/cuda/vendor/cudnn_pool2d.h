// The poolings by cuDNN: "cudnn", f32 and bf16, where its windows (pool_windows.h) are ours. Its
// backward pass of a maximum starts from x and y, or from an index within the window; the contract
// hands over positions in the picture instead, so there is none.
#pragma once

#include "kernels/average_pool2d.h"
#include "kernels/max_pool2d.h"

namespace tl::vendor {

Variant<MaxPool2dProblem, MaxPool2dForwardArgs> cudnn_max_pool();
Variant<AveragePool2dProblem, AveragePool2dForwardArgs> cudnn_average_pool();
Variant<AveragePool2dProblem, AveragePool2dBackwardArgs> cudnn_average_pool_backward();

}  // namespace tl::vendor
