// conv2d: the contract of kernels/conv2d.h. Read conv2d_naive.cu, conv2d_im2col.cu,
// conv2d_forward_tiles.cuh and conv2d_winograd.cu; here stands what they share on the host, and the
// channel sums.
#include <algorithm>
#include <limits>

#include "kernels/cuda/channel_reduce.cuh"
#include "kernels/cuda/conv2d.cuh"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {

ConvShape::ConvShape(const Conv2dProblem& p)
    : n(static_cast<int>(p.n)),
      h(static_cast<int>(p.h)),
      w(static_cast<int>(p.w)),
      c_in(static_cast<int>(p.c_in)),
      out_h(static_cast<int>(p.out_h())),
      out_w(static_cast<int>(p.out_w())),
      c_out(static_cast<int>(p.c_out)),
      kh(static_cast<int>(p.kh)),
      kw(static_cast<int>(p.kw)),
      stride_h(static_cast<int>(p.stride_h)),
      stride_w(static_cast<int>(p.stride_w)),
      pad_h(static_cast<int>(p.pad_h)),
      pad_w(static_cast<int>(p.pad_w)),
      dilation_h(static_cast<int>(p.dilation_h)),
      dilation_w(static_cast<int>(p.dilation_w)),
      group_in(static_cast<int>(p.c_in / p.groups)),
      group_out(static_cast<int>(p.c_out / p.groups)) {}

Prologue::Prologue(const Conv2dProblem& p, ConstView scale_view, ConstView shift_view)
    : scale(p.prologue ? scale_view.as<float>() : nullptr),
      shift(p.prologue ? shift_view.as<float>() : nullptr),
      with_relu(p.prologue && p.prologue_relu) {}

namespace {

bool fits_30_bits(const Conv2dProblem& p) {
  // Every number that ConvShape holds, every row and column that x_row and x_column can give, and
  // every row of the matrices that a convolution is.
  const std::int64_t longest = std::max(
      {p.stride_h, p.stride_w, p.pad_h, p.pad_w, p.dilation_h, p.dilation_w, p.c_in,
       p.h + 2 * p.pad_h, p.w + 2 * p.pad_w, p.n * p.out_h() * p.out_w(), p.n * p.h * p.w,
       p.kh * p.kw * p.c_in, p.kh * p.kw * p.c_out, p.kh * p.dilation_h, p.kw * p.dilation_w});
  return longest <= std::numeric_limits<int>::max() / 2;
}

}  // namespace

bool conv2d_supports(const Conv2dProblem& p) {
  return conv2d_supports_weight(p) && p.w_dtype == p.x_dtype;
}

bool conv2d_supports_weight(const Conv2dProblem& p) {
  return (p.x_dtype == DType::f32 || p.x_dtype == DType::bf16) && p.y_dtype == p.x_dtype &&
         (p.w_dtype == p.x_dtype || p.w_dtype == parameter_dtype(p.x_dtype)) && fits_30_bits(p);
}

namespace {

template <class T>
struct ChannelSums {
  using Value = ChannelSum;
  const T* y;
  float* channel_sum;
  float* channel_sum_sq;

  __device__ Value collect(const Strip& strip) const {
    Value sums{};
    for (std::int64_t i = strip.first; i < strip.end; i += strip.step) {
      const float value = y[i];
      sums.sum += value;
      sums.sum_sq += value * value;
    }
    return sums;
  }
  __device__ Value merge(const Value& a, const Value& b) const {
    return {a.sum + b.sum, a.sum_sq + b.sum_sq};
  }
  __device__ void finish(const Value& total, std::int64_t c) const {
    channel_sum[c] = total.sum;
    channel_sum_sq[c] = total.sum_sq;
  }
};

std::int64_t output_rows(const Conv2dProblem& p) { return p.n * p.out_h() * p.out_w(); }

}  // namespace

void conv2d_channel_sums(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (!p.sums) return;
  with_f32_or_bf16("conv2d", p.y_dtype, [&]<class T>(T) {
    const ChannelSums<T> sums = {args.y.as<T>(), args.channel_sum.as<float>(),
                                 args.channel_sum_sq.as<float>()};
    channel_reduce(native(stream), sums, output_rows(p), p.c_out, args.workspace.data);
  });
}

std::int64_t conv2d_channel_sums_bytes(const Conv2dProblem& p) {
  return p.sums ? channel_reduce_bytes<ChannelSums<float>>(output_rows(p), p.c_out) : 0;
}

void conv2d_add_channel_sums(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args,
                             const ChannelSum* sums, std::int64_t parts) {
  if (p.c_out == 0) return;
  const ChannelSums<float> reduction = {nullptr, args.channel_sum.as<float>(),
                                        args.channel_sum_sq.as<float>()};
  launch<channel_reduce_finish<ChannelSums<float>>>(static_cast<unsigned>(p.c_out), kFinishThreads,
                                                    0, native(stream), reduction, parts, p.c_out,
                                                    sums);
}

void install_conv2d(Backend& b) {
  add_conv2d_naive(b.conv2d);
  add_conv2d_im2col(b.conv2d);
  add_conv2d_forward_implicit_gemm(b.conv2d);
  add_conv2d_backward_data_implicit_gemm(b.conv2d);
  add_conv2d_backward_weight_implicit_gemm(b.conv2d);
  add_conv2d_forward_tensor(b.conv2d);
  add_conv2d_backward_data_tensor(b.conv2d);
  add_conv2d_backward_weight_tensor(b.conv2d);
  add_conv2d_winograd(b.conv2d);
  add_conv2d_backward_weight_winograd(b.conv2d);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
