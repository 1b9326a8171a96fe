// conv2d "naive": one thread per element of the output, which it sums up alone. All three passes
// read the formula of kernels/conv2d.h, each solved for its own output:
//
//   forward          y[n, oh, ow, co]: all r, s, ci
//   backward_data    dx[n, ih, iw, ci]: all r, s, co for which some oh, ow has its filter tap here
//   backward_weight  dw[co, r, s, ci]: all n, oh, ow
//
// Every operand comes from global memory each time it is used; the other variants are the cure.
#include "kernels/cuda/conv2d.cuh"
#include "kernels/cuda/grid_stride.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

/// Takes `index` apart: removes its fastest coordinate, of length `length`, and returns it.
__device__ int take(std::int64_t& index, int length) {
  const int coordinate = static_cast<int>(index % length);
  index /= length;
  return coordinate;
}

/// The place o with o * stride == place, within [0, length), or -1.
__device__ int output_place(int place, int stride, int length) {
  if (place < 0 || place % stride != 0) return -1;
  const int o = place / stride;
  return o < length ? o : -1;
}

template <class T>
__global__ void conv2d_forward_naive(ConvShape shape, Prologue prologue, Epilogue<T> epilogue,
                                     const T* x, const T* w, T* y, std::int64_t size) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    std::int64_t rest = i;
    const int co = take(rest, shape.c_out), ow = take(rest, shape.out_w);
    const int oh = take(rest, shape.out_h), n = static_cast<int>(rest);
    const int first_channel = co / shape.group_out * shape.group_in;
    float sum = 0;
    for (int r = 0; r < shape.kh; ++r) {
      const int row = shape.x_row(oh, r);
      if (row < 0 || row >= shape.h) continue;
      for (int s = 0; s < shape.kw; ++s) {
        const int column = shape.x_column(ow, s);
        if (column < 0 || column >= shape.w) continue;
        const T* x_pixel = x + shape.x_index(n, row, column, first_channel);
        const T* w_tap = w + shape.w_index(co, r, s, 0);
        for (int c = 0; c < shape.group_in; ++c) {
          sum += prologue(x_pixel[c], first_channel + c) * w_tap[c];
        }
      }
    }
    y[i] = static_cast<T>(epilogue(sum, i, co));
  }
}

template <class T>
__global__ void conv2d_backward_data_naive(ConvShape shape, bool accumulate, const T* dy,
                                           const T* w, T* dx, std::int64_t size) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    std::int64_t rest = i;
    const int ci = take(rest, shape.c_in), iw = take(rest, shape.w);
    const int ih = take(rest, shape.h), n = static_cast<int>(rest);
    const int first_output = ci / shape.group_in * shape.group_out;
    const int channel = ci % shape.group_in;
    float sum = 0;
    for (int r = 0; r < shape.kh; ++r) {
      const int oh =
          output_place(ih + shape.pad_h - r * shape.dilation_h, shape.stride_h, shape.out_h);
      if (oh < 0) continue;
      for (int s = 0; s < shape.kw; ++s) {
        const int ow =
            output_place(iw + shape.pad_w - s * shape.dilation_w, shape.stride_w, shape.out_w);
        if (ow < 0) continue;
        const T* dy_pixel = dy + shape.y_index(n, oh, ow, first_output);
        for (int c = 0; c < shape.group_out; ++c) {
          sum += float{dy_pixel[c]} * w[shape.w_index(first_output + c, r, s, channel)];
        }
      }
    }
    dx[i] = static_cast<T>(accumulate ? dx[i] + sum : sum);
  }
}

template <class T, class Dw>
__global__ void conv2d_backward_weight_naive(ConvShape shape, Prologue prologue, const T* x,
                                             const T* dy, Dw* dw, std::int64_t size) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    std::int64_t rest = i;
    const int channel = take(rest, shape.group_in), s = take(rest, shape.kw);
    const int r = take(rest, shape.kh), co = static_cast<int>(rest);
    const int ci = co / shape.group_out * shape.group_in + channel;
    float sum = 0;
    for (int n = 0; n < shape.n; ++n) {
      for (int oh = 0; oh < shape.out_h; ++oh) {
        const int row = shape.x_row(oh, r);
        if (row < 0 || row >= shape.h) continue;
        for (int ow = 0; ow < shape.out_w; ++ow) {
          const int column = shape.x_column(ow, s);
          if (column < 0 || column >= shape.w) continue;
          sum +=
              prologue(x[shape.x_index(n, row, column, ci)], ci) * dy[shape.y_index(n, oh, ow, co)];
        }
      }
    }
    dw[i] = static_cast<Dw>(sum);
  }
}

void forward(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() > 0) {
    with_f32_or_bf16("conv2d", p.y_dtype, [&]<class T>(T) {
      launch<conv2d_forward_naive<T>>(blocks_for(p.y_size()), kThreads, 0, native(stream),
                                      ConvShape(p), Prologue(p, args.scale, args.shift),
                                      Epilogue<T>(p, args), args.x.as<T>(), args.w.as<T>(),
                                      args.y.as<T>(), p.y_size());
    });
  }
  conv2d_channel_sums(stream, p, args);
}

void backward_data(Stream stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
  if (p.x_size() == 0) return;
  with_f32_or_bf16("conv2d", p.x_dtype, [&]<class T>(T) {
    launch<conv2d_backward_data_naive<T>>(blocks_for(p.x_size()), kThreads, 0, native(stream),
                                          ConvShape(p), p.accumulate, args.dy.as<T>(),
                                          args.w.as<T>(), args.dx.as<T>(), p.x_size());
  });
}

void backward_weight(Stream stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
  if (p.w_size() == 0) return;
  with_f32_or_bf16("conv2d", p.x_dtype, [&]<class T>(T) {
    with_f32_or_bf16("conv2d", p.w_dtype, [&]<class Dw>(Dw) {
      launch<conv2d_backward_weight_naive<T, Dw>>(
          blocks_for(p.w_size()), kThreads, 0, native(stream), ConvShape(p),
          Prologue(p, args.scale, args.shift), args.x.as<T>(), args.dy.as<T>(), args.dw.as<Dw>(),
          p.w_size());
    });
  });
}

/// Each product waits for two loads from global memory: about eight times what it costs when a
/// tile of the operands lies in shared memory.
double cost(const Conv2dProblem& p) { return 8 * p.multiply_adds(); }

}  // namespace

void add_conv2d_naive(Conv2dKernels& kernels) {
  kernels.forward.add({.name = "naive",
                       .supports = conv2d_supports,
                       .workspace_bytes = conv2d_channel_sums_bytes,
                       .run = forward,
                       .cost = cost});
  kernels.backward_data.add(
      {.name = "naive", .supports = conv2d_supports, .run = backward_data, .cost = cost});
  kernels.backward_weight.add(
      {.name = "naive", .supports = conv2d_supports_weight, .run = backward_weight, .cost = cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
