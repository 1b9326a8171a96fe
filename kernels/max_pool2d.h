// Contract of max_pool2d: the largest element of each window.
//
//   y[n, oh, ow, c] = max over r, s of x[n, oh*stride_h - pad_h + r*dilation_h,
//                                           ow*stride_w - pad_w + s*dilation_w, c]
//   position[n, oh, ow, c] = index h*w_size + w within the picture of the first such element in
//                            row-major order (a NaN counts as largest, as in PyTorch)
//   dx = dy scattered to the positions; overlapping windows add up
//
// r < kernel_h, s < kernel_w; what lies outside of x is passed over. How many windows there are:
// pool_outputs.h. A window that holds nothing, which only a dilation over a smaller x can make, has
// y = -infinity and position -1, and its dy goes nowhere. h and w are at least 1.
// x, dx [n, h, w, c]; y, dy, position [n, out_h, out_w, c]; one float dtype. 2 pad <= dilation
// (kernel - 1) + 1. Outputs are overwritten and alias nothing. Deterministic.
#pragma once

#include <cstdint>
#include <ostream>

#include "kernels/pool_outputs.h"
#include "kernels/variant.h"

namespace tl {

struct MaxPool2dProblem {
  std::int64_t n = 1, h = 1, w = 1, c = 1;
  std::int64_t kernel_h = 2, kernel_w = 2, stride_h = 2, stride_w = 2;
  std::int64_t pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  bool ceil_mode = false;
  DType dtype = DType::f32;
  bool positions = false;  ///< whether forward writes them; backward always reads them

  std::int64_t out_h() const {
    return pool_outputs(h, kernel_h, stride_h, pad_h, dilation_h, ceil_mode);
  }
  std::int64_t out_w() const {
    return pool_outputs(w, kernel_w, stride_w, pad_w, dilation_w, ceil_mode);
  }
  std::int64_t x_size() const { return n * h * w * c; }
  std::int64_t y_size() const { return n * out_h() * out_w() * c; }
  /// Of x, y (in backward dy, dx) and position, each once.
  double bytes() const {
    return static_cast<double>(x_size() + y_size()) * static_cast<double>(size_of(dtype)) +
           (positions ? 4.0 * static_cast<double>(y_size()) : 0.0);
  }
};

std::ostream& operator<<(std::ostream& out, const MaxPool2dProblem& p);

struct MaxPool2dForwardArgs {
  ConstView x;
  View y;
  View position;  ///< i32, with `positions`
  View workspace;
};

struct MaxPool2dBackwardArgs {
  ConstView dy;
  ConstView position;  ///< i32
  View dx;
  View workspace;
};

struct MaxPool2dKernels {
  VariantSlot<MaxPool2dProblem, MaxPool2dForwardArgs> forward{"max_pool2d.forward"};
  VariantSlot<MaxPool2dProblem, MaxPool2dBackwardArgs> backward{"max_pool2d.backward"};
};

}  // namespace tl
