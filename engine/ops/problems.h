// The checked way from shapes and options to a kernel's problem: for the ops, and for frozen plans,
// which have shapes before they have tensors. `op` begins the errors.
#pragma once

#include "engine/ops.h"

namespace tl {

Conv2dProblem conv2d_problem(const char* op, const Shape& x, const Shape& filter,
                             const Conv2dOptions& options, DType dtype);
BatchNormProblem batch_norm_problem(const char* op, const Tensor& x, const BatchNormTensors& t,
                                    const BatchNormOptions& options);
MaxPool2dProblem max_pool2d_problem(const char* op, const Shape& x,
                                    const MaxPool2dOptions& options);
AveragePool2dProblem average_pool2d_problem(const char* op, const Shape& x,
                                            const AveragePool2dOptions& options);

}  // namespace tl
