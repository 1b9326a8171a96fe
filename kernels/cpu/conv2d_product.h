// ConvProduct: a convolution seen as one product of matrices, without the matrix of patches.
//
//   rows      one per place (n, i, j) of a grid
//   depth     (tap r, tap s, channel), flattened in this order
//   columns   output channels
//
//   a[(n, i, j), (r, s, c)] = x[n, i * step_h + origin_h + r * tap_step_h,
//                                  j * step_w + origin_w + s * tap_step_w, c]     0 outside of x
//   the row (n, i, j) of the result goes to the pixel
//                      y[n, i * y_step_h + y_origin_h, j * y_step_w + y_origin_w]
//
// The forward convolution is one such product per group. The gradient of x is one per group and
// residue of (h, w) modulo the strides: pixels of x of one residue see a fixed set of taps, and
// among themselves a convolution of stride 1 (conv2d_backward_data_implicit_gemm.cpp).
#pragma once

#include <cstdint>

#include "kernels/conv2d.h"

namespace tl::cpu {

struct ConvProduct {
  // Rows.
  std::int64_t n = 0, grid_h = 0, grid_w = 0;
  // Depth, and how it is read. x points at its first channel of this group.
  std::int64_t taps_h = 0, taps_w = 0, channels = 0;
  const float* x = nullptr;
  std::int64_t x_h = 0, x_w = 0, x_pixel = 0;  // x_pixel: floats per pixel, all groups
  std::int64_t origin_h = 0, origin_w = 0, step_h = 1, step_w = 1, tap_step_h = 1, tap_step_w = 1;
  // Columns, packed into panels of the microkernel.
  std::int64_t columns = 0;
  const float* w = nullptr;
  // Result and epilogue; addend is like y and may be y, bias and addend may be null.
  float* y = nullptr;
  std::int64_t y_h = 0, y_w = 0, y_pixel = 0;
  std::int64_t y_origin_h = 0, y_origin_w = 0, y_step_h = 1, y_step_w = 1;
  const float* bias = nullptr;
  const float* addend = nullptr;
  bool relu = false;

  std::int64_t rows() const { return n * grid_h * grid_w; }
  std::int64_t depth() const { return taps_h * taps_w * channels; }
  /// Floats that may be read from x on.
  std::int64_t x_floats() const { return (n * x_h * x_w - 1) * x_pixel + channels; }
  /// Whether all taps of one row of taps are consecutive in x.
  bool taps_are_neighbours() const { return tap_step_w == 1 && channels == x_pixel; }

  /// Whether row i of the matrix is pixel i of x, as in a convolution of 1x1.
  bool rows_are_pixels() const {
    return taps_h == 1 && taps_w == 1 && step_h == 1 && step_w == 1 && origin_h == 0 &&
           origin_w == 0 && grid_h == x_h && grid_w == x_w;
  }
  /// Whether consecutive rows are consecutive pixels of y.
  bool y_is_dense() const {
    return y_step_h == 1 && y_step_w == 1 && grid_h == y_h && grid_w == y_w;
  }
  /// Where row (image, i, j) begins in y and addend, in floats.
  std::int64_t y_offset(std::int64_t image, std::int64_t i, std::int64_t j) const {
    return ((image * y_h + i * y_step_h + y_origin_h) * y_w + j * y_step_w + y_origin_w) * y_pixel;
  }
};

/// The patches of x that one group of a convolution sees, one per output pixel: the left matrix of
/// the forward pass, the right one of the gradient of the filter. Columns and result are left open.
inline ConvProduct patches_of_group(const Conv2dProblem& p, const float* x, std::int64_t group) {
  ConvProduct product;
  product.n = p.n;
  product.grid_h = p.out_h();
  product.grid_w = p.out_w();
  product.taps_h = p.kh;
  product.taps_w = p.kw;
  product.channels = p.c_in / p.groups;
  product.x = x + group * product.channels;
  product.x_h = p.h;
  product.x_w = p.w;
  product.x_pixel = p.c_in;
  product.origin_h = -p.pad_h;
  product.origin_w = -p.pad_w;
  product.step_h = p.stride_h;
  product.step_w = p.stride_w;
  product.tap_step_h = p.dilation_h;
  product.tap_step_w = p.dilation_w;
  return product;
}

/// A place of the grid, stepped through in the order of rows.
struct GridPlace {
  std::int64_t image, i, j;

  GridPlace(const ConvProduct& p, std::int64_t row)
      : image(row / (p.grid_h * p.grid_w)), i(row / p.grid_w % p.grid_h), j(row % p.grid_w) {}

  void advance(const ConvProduct& p) {
    if (++j < p.grid_w) return;
    j = 0;
    if (++i < p.grid_h) return;
    i = 0;
    ++image;
  }
};

}  // namespace tl::cpu
