// Contract of global_average_pool: the mean of each channel over a whole picture.
//
//   y[n, c] = (sum over h of (sum over w of x[n, h, w, c])) / (h_size * w_size)
//   dx[n, h, w, c] = dy[n, c] / (h_size * w_size)
//
// x, dx [n, h, w, c]; y, dy [n, c]; one float dtype. h and w are at least 1. Pixels are added up
// row by row, as the formula is written: no chain of additions is longer than h + w, so that large
// pictures keep their digits. Outputs are overwritten and alias nothing. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct GlobalAveragePoolProblem {
  std::int64_t n = 1, h = 1, w = 1, c = 1;

  std::int64_t pixels() const { return h * w; }
  std::int64_t x_size() const { return n * h * w * c; }
  std::int64_t y_size() const { return n * c; }
};

struct GlobalAveragePoolKernels {
  Slot<void(Stream, const GlobalAveragePoolProblem&, ConstView x, View y)> forward{
      "global_average_pool.forward"};
  Slot<void(Stream, const GlobalAveragePoolProblem&, ConstView dy, View dx)> backward{
      "global_average_pool.backward"};
};

}  // namespace tl
