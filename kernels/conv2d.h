// Contract of conv2d: two-dimensional convolution (cross-correlation, as in every network library).
//
//   y[n, oh, ow, co] = epilogue( sum over r, s, ci of
//                        prologue(x[n, oh*stride_h - pad_h + r*dilation_h,
//                                      ow*stride_w - pad_w + s*dilation_w, g*(c_in/groups) + ci])
//                        * w[co, r, s, ci] )         g = co / (c_out/groups); x is 0 outside
//
//   prologue(x) = relu?(scale[ci] * x + shift[ci])   before the padding: padded places stay 0
//   epilogue(a) = relu?(a + bias[co] + residual[n, oh, ow, co])
//   sums: channel_sum[co] and channel_sum_sq[co] of the written y, over n, oh, ow
//   dx = transposed convolution of dy with w;  dw[co, r, s, ci] = sum of prologue(x) * dy
//
// Layout: x, dx [n, h, w, c_in]; y, dy, residual [n, out_h, out_w, c_out];
// w, dw [c_out, kh, kw, c_in / groups]; all contiguous. Outputs are overwritten (dx is added to
// when `accumulate`). No output may alias an input, except residual and y, which may be the same
// buffer. Deterministic: same bits for every thread count. f32 mathematics for f32, f64 for f64.
// x, w and y of one dtype; dw of that or of its parameter_dtype (f32 beside bf16, so that no bf16
// dw need exist). Sums over channels are of y as it is stored, after its rounding.
// Winograd variants round more: in tiles of 4x4, on 3x3 of 64 to 512 channels and the 7x7 of the
// stem, the relative L2 error of y and dx is up to 1.5e-6 where a direct sum of `cpu` has 2e-7, and
// that of dw up to 1.6e-6, of the stem's 2.6e-6; in tiles of 5x5 up to 4e-6 (kernels/cpu/README.md
// has all). "strassen" (1x1) has up to 7e-7. Both add numbers of several pixels before they
// multiply: a NaN or infinity in one reaches others of its picture, of a batch for dw.
#pragma once

#include <cstdint>
#include <ostream>

#include "kernels/variant.h"

namespace tl {

struct Conv2dProblem {
  std::int64_t n = 1, h = 1, w = 1, c_in = 1, c_out = 1;
  std::int64_t kh = 1, kw = 1;
  std::int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  std::int64_t groups = 1;
  DType x_dtype = DType::f32, w_dtype = DType::f32, y_dtype = DType::f32;

  bool prologue = false, prologue_relu = false;                     // forward, backward_weight
  bool bias = false, residual = false, relu = false, sums = false;  // forward
  bool accumulate = false;                                          // backward_data

  std::int64_t out_h() const { return (h + 2 * pad_h - dilation_h * (kh - 1) - 1) / stride_h + 1; }
  std::int64_t out_w() const { return (w + 2 * pad_w - dilation_w * (kw - 1) - 1) / stride_w + 1; }
  std::int64_t x_size() const { return n * h * w * c_in; }
  std::int64_t y_size() const { return n * out_h() * out_w() * c_out; }
  std::int64_t w_size() const { return c_out * kh * kw * (c_in / groups); }
  double multiply_adds() const {
    return static_cast<double>(y_size()) * static_cast<double>(kh * kw * (c_in / groups));
  }
  /// Of x, w and y (dx, dw, dy), each once, and the residual.
  double bytes() const {
    return static_cast<double>(x_size()) * static_cast<double>(size_of(x_dtype)) +
           static_cast<double>(w_size()) * static_cast<double>(size_of(w_dtype)) +
           static_cast<double>(y_size() * (residual ? 2 : 1)) *
               static_cast<double>(size_of(y_dtype));
  }
};

std::ostream& operator<<(std::ostream& out, const Conv2dProblem& p);

struct Conv2dForwardArgs {
  ConstView x;
  ConstView w;  ///< prepared, if the variant prepares; else the filter
  View y;
  ConstView scale, shift;            ///< [c_in], with `prologue`
  ConstView bias;                    ///< [c_out], with `bias`
  ConstView residual;                ///< like y, with `residual`
  View channel_sum, channel_sum_sq;  ///< [c_out], with `sums`
  View workspace;                    ///< u8, workspace_bytes(problem)
};

struct Conv2dBackwardDataArgs {
  ConstView dy;
  ConstView w;  ///< prepared, if the variant prepares; else the filter
  View dx;
  View workspace;
};

struct Conv2dBackwardWeightArgs {
  ConstView x, dy;
  View dw;
  ConstView scale, shift;  ///< [c_in], with `prologue`
  View workspace;
};

struct Conv2dKernels {
  VariantSlot<Conv2dProblem, Conv2dForwardArgs> forward{"conv2d.forward"};
  VariantSlot<Conv2dProblem, Conv2dBackwardDataArgs> backward_data{"conv2d.backward_data"};
  VariantSlot<Conv2dProblem, Conv2dBackwardWeightArgs> backward_weight{"conv2d.backward_weight"};
};

}  // namespace tl
