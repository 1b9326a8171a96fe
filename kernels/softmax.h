// Contract of softmax over the columns of each row.
//
//   y[i, j] = exp(x[i, j] - max_i) / sum over l of exp(x[i, l] - max_i)
//   dx[i, j] = y[i, j] * (dy[i, j] - sum over l of dy[i, l] * y[i, l])
//
// All buffers [rows, columns], one float dtype. Outputs are overwritten; y may alias x, dx may
// alias dy. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct SoftmaxKernels {
  Slot<void(Stream, std::int64_t columns, ConstView x, View y)> forward{"softmax.forward"};
  Slot<void(Stream, std::int64_t columns, ConstView y, ConstView dy, View dx)> backward{
      "softmax.backward"};
};

}  // namespace tl
