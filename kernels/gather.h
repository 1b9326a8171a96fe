// Contract of gather: rows of a matrix, picked by number, and back.
//
//   rows            y[i, :] = x[index[i], :]
//   rows_backward   dx[r, :] = sum over i with index[i] == r of dy[i, :], added in order of i
//
// x, dx [r, columns]; y, dy [index.size, columns]; index i32, every number in [0, r), which the
// caller has checked. rows takes any dtype, rows_backward one float dtype. Outputs are overwritten
// (a row of dx that nobody picked is 0) and alias nothing. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct GatherKernels {
  Slot<void(Stream, std::int64_t columns, ConstView x, ConstView index, View y)> rows{
      "gather.rows"};
  Slot<void(Stream, std::int64_t columns, ConstView dy, ConstView index, View dx)> rows_backward{
      "gather.rows_backward"};
};

}  // namespace tl
