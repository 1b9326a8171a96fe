// The shapes of our tensors as cuDNN names them: extents in the order N, C, H, W, and the strides
// that put the channels innermost. No cuDNN in this header.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/average_pool2d.h"
#include "kernels/batch_norm.h"
#include "kernels/conv2d.h"
#include "kernels/max_pool2d.h"

namespace tl::vendor {

struct TensorShape {
  std::array<std::int64_t, 4> extents, strides;
  bool operator==(const TensorShape&) const = default;
};

/// An [n, h, w, c] tensor, contiguous.
constexpr TensorShape nhwc(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
  return {{n, c, h, w}, {h * w * c, 1, w * c, c}};
}

constexpr TensorShape x_shape(const Conv2dProblem& p) { return nhwc(p.n, p.h, p.w, p.c_in); }
inline TensorShape y_shape(const Conv2dProblem& p) {
  return nhwc(p.n, p.out_h(), p.out_w(), p.c_out);
}
/// [c_out, kh, kw, c_in / groups]; that the second extent is a part of x's says that there are
/// groups.
constexpr TensorShape w_shape(const Conv2dProblem& p) {
  return nhwc(p.c_out, p.kh, p.kw, p.c_in / p.groups);
}
/// One number per channel.
constexpr TensorShape channel_shape(std::int64_t c) { return nhwc(1, 1, 1, c); }

/// The rows as pictures of one pixel: what is summed over is the same.
constexpr TensorShape rows_shape(const BatchNormProblem& p) {
  return nhwc(p.rows, 1, 1, p.channels);
}

constexpr TensorShape x_shape(const MaxPool2dProblem& p) { return nhwc(p.n, p.h, p.w, p.c); }
inline TensorShape y_shape(const MaxPool2dProblem& p) {
  return nhwc(p.n, p.out_h(), p.out_w(), p.c);
}
constexpr TensorShape x_shape(const AveragePool2dProblem& p) {
  return nhwc(p.n, p.rows.size, p.columns.size, p.c);
}
constexpr TensorShape y_shape(const AveragePool2dProblem& p) {
  return nhwc(p.n, p.rows.outputs, p.columns.outputs, p.c);
}

}  // namespace tl::vendor
