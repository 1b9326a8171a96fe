// A batch norm in evaluation mode, folded into the convolution before it.
#pragma once

#include "engine/tensor.h"

namespace tl {

class BatchNorm2d;
class Conv2d;

/// In the dtype, on the device and in the axis order of the convolution's own.
struct FoldedFilter {
  Tensor weight;
  Tensor bias;  ///< absent where there is neither a batch norm nor a bias of the convolution
};

/// The convolution followed by the batch norm, which may be null, is one convolution; with
/// scale = gamma / sqrt(var + epsilon):
///   w'[co] = w[co] * scale     b' = beta + (b - mean) * scale
/// Computed in f64 and rounded once. Without a batch norm: the convolution's tensors themselves.
FoldedFilter fold(const Conv2d& conv, const BatchNorm2d* norm);

}  // namespace tl
