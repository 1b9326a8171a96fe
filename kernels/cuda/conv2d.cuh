// What the convolution kernels share: the shape as a kernel sees it, and what is done to an element
// of x before the sum and of y after it.
#pragma once

#include <cstdint>

#include "kernels/conv2d.h"
#include "kernels/cuda/compat.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// Conv2dProblem in 32 bits per number: a division of 64-bit integers costs a GPU a hundred
/// instructions. Indices into buffers stay 64 bits wide.
struct ConvShape {
  int n, h, w, c_in, out_h, out_w, c_out, kh, kw;
  int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  int group_in, group_out;  // channels per group

  explicit ConvShape(const Conv2dProblem& p);

  /// The row of x under row `r` of the filter when row `oh` of y is computed; may lie outside x.
  __device__ int x_row(int oh, int r) const { return oh * stride_h - pad_h + r * dilation_h; }
  __device__ int x_column(int ow, int s) const { return ow * stride_w - pad_w + s * dilation_w; }

  __device__ std::int64_t x_index(int image, int row, int column, int channel) const {
    return ((static_cast<std::int64_t>(image) * h + row) * w + column) * c_in + channel;
  }
  __device__ std::int64_t y_index(int image, int row, int column, int channel) const {
    return ((static_cast<std::int64_t>(image) * out_h + row) * out_w + column) * c_out + channel;
  }
  /// `channel` counts within the group.
  __device__ std::int64_t w_index(int co, int r, int s, int channel) const {
    return ((static_cast<std::int64_t>(co) * kh + r) * kw + s) * group_in + channel;
  }
};

/// max(x, 0); NaN stays NaN.
inline __device__ float relu(float x) { return x <= 0 ? 0.0f : x; }

/// relu?(scale[c] * x + shift[c]), or x itself.
struct Prologue {
  const float* scale;  // nullptr: no prologue
  const float* shift;
  bool with_relu;

  Prologue() = default;
  Prologue(const Conv2dProblem& p, ConstView scale_view, ConstView shift_view);

  __device__ float operator()(float x, int channel) const {
    if (!scale) return x;
    const float value = scale[channel] * x + shift[channel];
    return with_relu ? relu(value) : value;
  }
};

/// relu?(sum + bias[c] + residual[i]) for element i of y, which lies in channel c. T: how y and the
/// residual are stored.
template <class T>
struct Epilogue {
  const float* bias;  // nullptr: none
  const T* residual;  // nullptr: none
  bool with_relu;

  Epilogue() = default;
  Epilogue(const Conv2dProblem& p, const Conv2dForwardArgs& args)
      : bias(p.bias ? args.bias.as<float>() : nullptr),
        residual(p.residual ? args.residual.as<T>() : nullptr),
        with_relu(p.relu) {}

  __device__ float operator()(float sum, std::int64_t i, int channel) const {
    if (bias) sum += bias[channel];
    if (residual) sum += residual[i];
    return with_relu ? relu(sum) : sum;
  }

  /// The same for four neighbouring elements, bias and residual read as packs.
  __device__ void apply(float (&sums)[4], std::int64_t i, int channel) const {
    float addend[4];
    if (bias) {
      load_floats(bias + channel, addend);
      for (int e = 0; e < 4; ++e) sums[e] += addend[e];
    }
    if (residual) {
      load_floats(residual + i, addend);
      for (int e = 0; e < 4; ++e) sums[e] += addend[e];
    }
    for (int e = 0; e < 4; ++e) sums[e] = with_relu ? relu(sums[e]) : sums[e];
  }
};

/// f32 or bf16 alike in x, w and y, and every length of the problem fits 30 bits: two of them can
/// be added in 32.
bool conv2d_supports(const Conv2dProblem& p);

/// The same for backward_weight, where dw may also be f32 beside bf16.
bool conv2d_supports_weight(const Conv2dProblem& p);

/// What `sums` asks for, of one channel.
struct ChannelSum {
  float sum, sum_sq;
};

/// Writes channel_sum and channel_sum_sq from y, if `p.sums`, with this much workspace.
void conv2d_channel_sums(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args);
std::int64_t conv2d_channel_sums_bytes(const Conv2dProblem& p);

/// Writes them from parts [parts][c_out], added in a fixed order.
void conv2d_add_channel_sums(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args,
                             const ChannelSum* sums, std::int64_t parts);

/// Whole passes, which other variants are made of: forward of "implicit_gemm" and so on. dx may be
/// f32 beside bf16.
void conv2d_forward_implicit_gemm(Stream stream, const Conv2dProblem& p,
                                  const Conv2dForwardArgs& args);
void conv2d_backward_data_implicit_gemm(Stream stream, const Conv2dProblem& p,
                                        const Conv2dBackwardDataArgs& args);
void conv2d_backward_weight_implicit_gemm(Stream stream, const Conv2dProblem& p,
                                          const Conv2dBackwardWeightArgs& args);

/// The variants, one file each.
void add_conv2d_naive(Conv2dKernels& kernels);
void add_conv2d_im2col(Conv2dKernels& kernels);
void add_conv2d_forward_implicit_gemm(Conv2dKernels& kernels);
void add_conv2d_backward_data_implicit_gemm(Conv2dKernels& kernels);
void add_conv2d_backward_weight_implicit_gemm(Conv2dKernels& kernels);
void add_conv2d_forward_tensor(Conv2dKernels& kernels);
void add_conv2d_backward_data_tensor(Conv2dKernels& kernels);
void add_conv2d_backward_weight_tensor(Conv2dKernels& kernels);
void add_conv2d_winograd(Conv2dKernels& kernels);
void add_conv2d_backward_weight_winograd(Conv2dKernels& kernels);

}  // namespace tl::TL_DEVICE_NAMESPACE
