// Contract of max_pool2d: the largest element of each window.
//
//   y[n, oh, ow, c] = max over r, s of x[n, oh*stride - pad + r, ow*stride - pad + s, c]
//   position[n, oh, ow, c] = index h*w_size + w within the picture of the first such element in
//                            row-major order (a NaN counts as largest, as in PyTorch)
//   dx = dy scattered to the positions; overlapping windows add up
//
// x, dx [n, h, w, c]; y, dy, position [n, out_h, out_w, c]. pad <= kernel / 2, so that no window is
// empty. Outputs are overwritten and alias nothing. Deterministic.
#pragma once

#include <cstdint>
#include <ostream>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct MaxPool2dProblem {
  std::int64_t n = 1, h = 1, w = 1, c = 1;
  std::int64_t kernel = 2, stride = 2, pad = 0;

  std::int64_t out_h() const { return (h + 2 * pad - kernel) / stride + 1; }
  std::int64_t out_w() const { return (w + 2 * pad - kernel) / stride + 1; }
  std::int64_t x_size() const { return n * h * w * c; }
  std::int64_t y_size() const { return n * out_h() * out_w() * c; }
};

struct MaxPool2dKernels {
  /// `position` i32; absent: not written.
  Slot<void(Stream, const MaxPool2dProblem&, ConstView x, View y, View position)> forward{
      "max_pool2d.forward"};
  Slot<void(Stream, const MaxPool2dProblem&, ConstView dy, ConstView position, View dx)> backward{
      "max_pool2d.backward"};
};

}  // namespace tl
