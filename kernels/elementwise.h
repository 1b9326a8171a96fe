// Contract of the elementwise kernels: all buffers have one size and one float dtype. The output
// is overwritten (accumulate: added to) and may alias any input of the call. Deterministic.
#pragma once

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct ElementwiseKernels {
  /// y = a + b
  Slot<void(Stream, ConstView a, ConstView b, View y)> add{"elementwise.add"};

  /// y += x: how the engine sums the gradients of a tensor that is used more than once.
  Slot<void(Stream, ConstView x, View y)> accumulate{"elementwise.accumulate"};

  /// y = max(x, 0); NaN stays NaN.
  Slot<void(Stream, ConstView x, View y)> relu{"elementwise.relu"};

  /// dx = dy where y > 0, else 0; y is the output of relu.
  Slot<void(Stream, ConstView y, ConstView dy, View dx)> relu_backward{"elementwise.relu_backward"};
};

}  // namespace tl
