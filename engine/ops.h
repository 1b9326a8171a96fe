// The ops: functions on tensors that know their own gradients. One page each in ops/.
// All inputs of a call are on one device and of one float dtype (labels: i32); images are NHWC,
// filters [c_out, kh, kw, c_in / groups]. An op whose inputs do not fit together, or not its
// options, throws an Error that names the op, what it needs and what it got, and changes nothing.
#pragma once

#include <cstdint>

#include "engine/autograd.h"
#include "engine/tensor.h"

namespace tl {

/// a + b, of one shape.
Tensor add(const Tensor& a, const Tensor& b);

/// max(x, 0), any shape.
Tensor relu(const Tensor& x);

/// The same numbers under another shape (a view).
Tensor reshape(const Tensor& x, Shape shape);

/// x [rows, in] times weight^T [in, out], plus bias [out] if given.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

struct Conv2dOptions {
  std::int64_t stride = 1, pad = 0, dilation = 1, groups = 1;
};
/// x [n, h, w, c_in], weight [c_out, kh, kw, c_in / groups], bias [c_out] or absent, to
/// [n, oh, ow, c_out] with oh = floor((h + 2 pad - dilation (kh - 1) - 1) / stride) + 1 and ow
/// likewise. Heights, widths and options (as those of max_pool2d) are below 2^31.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options);

/// Learned scale and shift and running statistics, all [channels].
struct BatchNormTensors {
  Tensor gamma, beta, running_mean, running_var;
};
struct BatchNormOptions {
  double epsilon = 1e-5, momentum = 0.1;
};
/// Normalises the last dimension by the batch's statistics and updates the running ones in place.
Tensor batch_norm_train(const Tensor& x, const BatchNormTensors& parameters,
                        const BatchNormOptions& options);
/// Normalises the last dimension by the running statistics.
Tensor batch_norm_eval(const Tensor& x, const BatchNormTensors& parameters,
                       const BatchNormOptions& options);

struct MaxPool2dOptions {
  std::int64_t kernel = 2, stride = 2, pad = 0;
};
/// The largest element of each window of x [n, h, w, c], to [n, oh, ow, c] with
/// oh = floor((h + 2 pad - kernel) / stride) + 1 and ow likewise; pad is at most kernel / 2.
Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options);

/// The mean of each channel over all pixels: x [n, h, w, c] to y [n, c].
Tensor global_average_pool(const Tensor& x);

/// Logarithm of the softmax over the last dimension of x [rows, columns].
Tensor log_softmax(const Tensor& x);

/// Mean of -log softmax(logits)[label] over the rows; logits [rows, classes], labels i32 [rows],
/// each in [0, classes): they are read on the host to be checked.
Tensor cross_entropy(const Tensor& logits, const Tensor& labels);

}  // namespace tl
