// average_pool2d "channel_packs": the contract of kernels/average_pool2d.h. A thread has a pack of
// channels of one pixel (pixels.cuh): of y in forward; of dx in backward, which adds the shares of
// all windows that hold the pixel, in the order of y.
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/pixels.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

template <int N, class T, class D>
__global__ void average_windows(AveragePool2dProblem p, Pixels<N, D> outputs, std::int64_t count,
                                const T* x, T* y) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const PixelAt at = outputs(i);
    const AverageWindow rows = p.rows.window(at.row), columns = p.columns.window(at.column);
    float sum[N] = {};
    for (std::int64_t h = rows.begin; h < rows.end; ++h) {
      float row[N] = {};
      for (std::int64_t w = columns.begin; w < columns.end; ++w) {
        float value[N];
        load_floats(x + ((at.image * p.rows.size + h) * p.columns.size + w) * p.c + at.channel,
                    value);
#pragma unroll
        for (int j = 0; j < N; ++j) row[j] += value[j];
      }
#pragma unroll
      for (int j = 0; j < N; ++j) sum[j] += row[j];
    }
    const float size = static_cast<float>(rows.count * columns.count);
#pragma unroll
    for (int j = 0; j < N; ++j) sum[j] /= size;
    store_floats(y + i * N, sum);
  }
}

template <int N, class T, class D>
__global__ void add_shares(AveragePool2dProblem p, Pixels<N, D> inputs, std::int64_t count,
                           const T* dy, T* dx) {
  for (std::int64_t i = first_index(); i < count; i += index_step()) {
    const PixelAt at = inputs(i);
    const std::int64_t end_row = p.rows.end_over(at.row);
    const std::int64_t first_column = p.columns.first_over(at.column);
    const std::int64_t end_column = p.columns.end_over(at.column);
    float sum[N] = {};
    for (std::int64_t oh = p.rows.first_over(at.row); oh < end_row; ++oh) {
      const std::int64_t height = p.rows.window(oh).count;
      for (std::int64_t ow = first_column; ow < end_column; ++ow) {
        const float size = static_cast<float>(height * p.columns.window(ow).count);
        float value[N];
        load_floats(
            dy + ((at.image * p.rows.outputs + oh) * p.columns.outputs + ow) * p.c + at.channel,
            value);
#pragma unroll
        for (int j = 0; j < N; ++j) sum[j] += value[j] / size;
      }
    }
    store_floats(dx + i * N, sum);
  }
}

void forward(Stream stream, const AveragePool2dProblem& p, const AveragePool2dForwardArgs& args) {
  with_f32_or_bf16("average_pool2d.forward", p.dtype, [&]<class T>(T) {
    const T* x = args.x.as<T>();
    T* y = args.y.as<T>();
    const auto run = [&]<int N, class D>(const Pixels<N, D>& outputs, std::int64_t count) {
      launch<average_windows<N, T, D>>(blocks_for(count), kThreads, 0, native(stream), p, outputs,
                                       count, x, y);
    };
    with_pixels<T>(p.y_size(), p.rows.outputs, p.columns.outputs, p.c, run, x,
                   static_cast<const T*>(y));
  });
}

void backward(Stream stream, const AveragePool2dProblem& p, const AveragePool2dBackwardArgs& args) {
  with_f32_or_bf16("average_pool2d.backward", p.dtype, [&]<class T>(T) {
    const T* dy = args.dy.as<T>();
    T* dx = args.dx.as<T>();
    const auto run = [&]<int N, class D>(const Pixels<N, D>& inputs, std::int64_t count) {
      launch<add_shares<N, T, D>>(blocks_for(count), kThreads, 0, native(stream), p, inputs, count,
                                  dy, dx);
    };
    with_pixels<T>(p.x_size(), p.rows.size, p.columns.size, p.c, run, dy,
                   static_cast<const T*>(dx));
  });
}

bool supports(const AveragePool2dProblem& p) {
  return p.dtype == DType::f32 || p.dtype == DType::bf16;
}

}  // namespace

void install_average_pool2d(Backend& b) {
  const char* name = "channel_packs";
  b.average_pool2d.forward.add({.name = name, .supports = supports, .run = forward});
  b.average_pool2d.backward.add({.name = name, .supports = supports, .run = backward});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
