// The ops: functions on tensors that know their own gradients. One page each in ops/.
// All inputs of a call are on one device and of one float dtype (labels: i32), but beside bf16
// activations biases, batch norm's parameters and statistics, and class weights are f32, as are
// their gradients and a loss. Images are NHWC, filters [c_out, kh, kw, c_in / groups]. An op whose
// inputs do not fit together, or not its options, throws an Error that names the op, what it needs
// and what it got, and changes nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/autograd.h"
#include "engine/extent2.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace tl {

/// a + b, a - b, a * b, a / b. Shapes are aligned at their last dimension; where one has extent 1,
/// or no such dimension, its elements are repeated along the other's.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);

// Functions of each number, of x in any shape; formulas and gradients: kernels/elementwise.h.

/// max(x, 0).
Tensor relu(const Tensor& x);
/// x where x > 0, else slope * x.
Tensor leaky_relu(const Tensor& x, double slope = 0.01);
/// e^x.
Tensor exp(const Tensor& x);
/// Natural logarithm.
Tensor log(const Tensor& x);
/// Square root.
Tensor sqrt(const Tensor& x);
/// Hyperbolic tangent.
Tensor tanh(const Tensor& x);
/// 1 / (1 + e^-x).
Tensor sigmoid(const Tensor& x);
/// x, but at least `low` and at most `high`; a bound that is not wanted is infinite.
Tensor clamp(const Tensor& x, double low, double high);
/// x^exponent.
Tensor pow(const Tensor& x, double exponent);
/// a * x + b.
Tensor scale(const Tensor& x, double a, double b = 0);

// Reductions along any axes, negative ones counted from the end; no axes stand for all of them.
// keepdim: what was reduced keeps extent 1 instead of going.

/// Sum; 0 of nothing.
Tensor sum(const Tensor& x, const std::vector<int>& axes = {}, bool keepdim = false);
/// Mean; NaN of nothing.
Tensor mean(const Tensor& x, const std::vector<int>& axes = {}, bool keepdim = false);
/// Largest, smallest element: NaN if there is one; nothing has none. The gradient goes to the first
/// such element, in row-major order of the axes.
Tensor max(const Tensor& x, const std::vector<int>& axes = {}, bool keepdim = false);
Tensor min(const Tensor& x, const std::vector<int>& axes = {}, bool keepdim = false);
/// Where along one axis the largest element is, the first of equals (or NaN): i32. No gradient.
Tensor argmax(const Tensor& x, int axis, bool keepdim = false);

/// In training: every element is 0 with probability `rate`, in [0, 1], else x / (1 - rate). Draws
/// one stream from `random`. Otherwise x itself.
Tensor dropout(const Tensor& x, double rate, Generator& random, bool training);

/// The same numbers under another shape (a view).
Tensor reshape(const Tensor& x, Shape shape);

// The ops that only move numbers, up to gather_rows, take tensors of any dtype. An axis may be
// negative: it counts from the end. Results are copies.

/// The dimensions of x in another order: dimension i of the result is dimension order[i] of x.
Tensor transpose(const Tensor& x, const std::vector<int>& order);

/// Positions begin, begin + step, ... below end along one axis; 0 <= begin <= end <= extent.
Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end,
             std::int64_t step = 1);

/// Tensors behind each other along one axis; their other extents are equal.
Tensor concat(const std::vector<Tensor>& tensors, int axis);

/// x with before[k] and after[k] more positions at the ends of dimension k, which hold `value`.
Tensor pad(const Tensor& x, const std::vector<std::int64_t>& before,
           const std::vector<std::int64_t>& after, double value = 0);

/// Row i of the result is row index[i] of x, rows being what the outermost dimension counts.
/// index i32 [n], each in [0, rows): it is read on the host to be checked.
Tensor gather_rows(const Tensor& x, const Tensor& index);

/// The same numbers in another dtype, x itself if it has that one. To an integer dtype the fraction
/// is dropped, a number beyond the range becomes the nearest within, NaN becomes 0, and no gradient
/// passes.
Tensor cast(const Tensor& x, DType dtype);

/// Matrix product of the last two dimensions: a [..., m, k] times b [..., k, n], with equal leading
/// dimensions, or b [k, n], the same for all; to [..., m, n].
Tensor matmul(const Tensor& a, const Tensor& b);

/// x [rows, in] times weight^T [in, out], plus bias [out] if given.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// Each of stride, pad and dilation is one number, or {of heights, of widths}.
struct Conv2dOptions {
  Extent2 stride = 1, pad = 0, dilation = 1;
  std::int64_t groups = 1;
};
/// x [n, h, w, c_in], weight [c_out, kh, kw, c_in / groups], bias [c_out] or absent, to
/// [n, oh, ow, c_out] with oh = floor((h + 2 pad - dilation (kh - 1) - 1) / stride) + 1 and ow
/// likewise. Heights, widths and options (as those of max_pool2d) are below 2^31.
/// Mixed precision: x bf16, weight f32, and `bf16_weight` the same numbers rounded to bf16, which
/// are what is computed with. The gradient is that of `weight`, summed and stored in f32.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options, const Tensor& bf16_weight = {});

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
/// relu(batch_norm_train(...)): the same numbers and gradients with less memory. The result is not
/// kept for backward: the ops that need it there have it made again from x.
Tensor batch_norm_relu_train(const Tensor& x, const BatchNormTensors& parameters,
                             const BatchNormOptions& options);
/// relu(add(batch_norm_train(...), residual)), residual of x's shape, in one pass over memory: the
/// end of a residual block. In f32 and f64 the same numbers and gradients, in bf16 rounded once
/// instead of twice.
Tensor batch_norm_add_relu_train(const Tensor& x, const Tensor& residual,
                                 const BatchNormTensors& parameters,
                                 const BatchNormOptions& options);
/// Normalises the last dimension by the running statistics.
Tensor batch_norm_eval(const Tensor& x, const BatchNormTensors& parameters,
                       const BatchNormOptions& options);
/// relu(batch_norm_eval(...)) and relu(add(batch_norm_eval(...), residual)) as those of training.
Tensor batch_norm_relu_eval(const Tensor& x, const BatchNormTensors& parameters,
                            const BatchNormOptions& options);
Tensor batch_norm_add_relu_eval(const Tensor& x, const Tensor& residual,
                                const BatchNormTensors& parameters,
                                const BatchNormOptions& options);

/// How windows lie: as in PyTorch (kernels/pool_outputs.h). pad is at most half of what a window
/// spans.
struct MaxPool2dOptions {
  Extent2 kernel = 2, stride = kernel, pad = 0, dilation = 1;
  bool ceil_mode = false;
};
/// The largest element of each window of x [n, h, w, c], to [n, oh, ow, c] with
/// oh = floor((h + 2 pad - dilation (kernel - 1) - 1) / stride) + 1 and ow likewise.
Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options);

struct AveragePool2dOptions {
  Extent2 kernel = 2, stride = kernel, pad = 0;
  bool ceil_mode = false, count_include_pad = true;
};
/// The mean of each window of x [n, h, w, c]; windows as those of max_pool2d. Padded zeros count as
/// elements unless count_include_pad is false.
Tensor average_pool2d(const Tensor& x, const AveragePool2dOptions& options);

/// The means of `out` windows that cover x [n, h, w, c] evenly, to [n, out.h, out.w, c]; they
/// overlap where out does not divide h and w, as in PyTorch.
Tensor adaptive_average_pool2d(const Tensor& x, Extent2 out);

/// The mean of each channel over all pixels: x [n, h, w, c] to y [n, c].
Tensor global_average_pool(const Tensor& x);

/// exp(x) over its sum along one axis.
Tensor softmax(const Tensor& x, int axis = -1);
/// Logarithm of that.
Tensor log_softmax(const Tensor& x, int axis = -1);

struct CrossEntropyOptions {
  Tensor class_weights = {};         ///< [classes], or absent: all 1
  double label_smoothing = 0;        ///< in [0, 1]: so much of a target goes to all classes alike
  std::int32_t ignore_index = -100;  ///< rows with this label do not count
};
/// Mean of -log softmax(logits)[target] over the rows, as in PyTorch (formulas:
/// kernels/cross_entropy.h); logits [rows, classes]. Targets are labels, i32 [rows], each in
/// [0, classes) or ignore_index: they are read on the host to be checked; or probabilities
/// [rows, classes], which get no gradient. NaN if all rows are ignored.
Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                     const CrossEntropyOptions& options = {});

}  // namespace tl
