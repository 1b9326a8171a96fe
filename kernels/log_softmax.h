// Contract of log_softmax over the columns of each row.
//
//   y[i, j] = x[i, j] - max_i - log(sum over l of exp(x[i, l] - max_i))
//   dx[i, j] = dy[i, j] - exp(y[i, j]) * sum over l of dy[i, l]
//
// All buffers [rows, columns], one float dtype. Outputs are overwritten; y may alias x, dx may
// alias dy. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct LogSoftmaxKernels {
  Slot<void(Stream, std::int64_t columns, ConstView x, View y)> forward{"log_softmax.forward"};
  Slot<void(Stream, std::int64_t columns, ConstView y, ConstView dy, View dx)> backward{
      "log_softmax.backward"};
};

}  // namespace tl
