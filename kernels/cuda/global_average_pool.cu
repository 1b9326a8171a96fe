// global_average_pool: the contract of kernels/global_average_pool.h. A block has kLanes packs of
// channels of one picture, which lie side by side in memory, and takes kRows rows of pixels at a
// time: a picture of few pixels and many channels keeps a block busy, unlike one thread per mean.
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/pixels.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kLanes = 32, kRows = 8;

/// What one thread has: rows threadIdx.y, threadIdx.y + kRows, ... below end_row of N channels.
template <int N>
struct Tile {
  std::int64_t n, channel, end_row;

  __device__ explicit Tile(const GlobalAveragePoolProblem& p) {
    const std::int64_t tiles = ceil_div(p.c, kLanes * N);
    n = blockIdx.x / tiles;
    channel = (blockIdx.x % tiles * kLanes + threadIdx.x) * N;
    end_row = channel < p.c ? p.h : 0;
  }
  /// Index of the first pixel of row h.
  __device__ std::int64_t row(const GlobalAveragePoolProblem& p, std::int64_t h) const {
    return (n * p.h + h) * p.w * p.c + channel;
  }
};

template <int N, class T>
__global__ void average(GlobalAveragePoolProblem p, const T* x, T* y) {
  __shared__ float sums[kRows][kLanes][N];
  const Tile<N> tile(p);
  const int lane = threadIdx.x, row_lane = threadIdx.y;
  float sum[N] = {};
  for (std::int64_t h = row_lane; h < tile.end_row; h += kRows) {
    const T* pixel = x + tile.row(p, h);
    float row[N] = {};
    for (std::int64_t w = 0; w < p.w; ++w, pixel += p.c) {
      float value[N];
      load_floats(pixel, value);
#pragma unroll
      for (int j = 0; j < N; ++j) row[j] += value[j];
    }
#pragma unroll
    for (int j = 0; j < N; ++j) sum[j] += row[j];
  }
#pragma unroll
  for (int j = 0; j < N; ++j) sums[row_lane][lane][j] = sum[j];
  __syncthreads();
  for (int half = kRows / 2; half > 0; half /= 2) {
    if (row_lane < half) {
#pragma unroll
      for (int j = 0; j < N; ++j) sums[row_lane][lane][j] += sums[row_lane + half][lane][j];
    }
    __syncthreads();
  }
  if (row_lane == 0 && tile.channel < p.c) {
    const float pixels = static_cast<float>(p.h * p.w);
#pragma unroll
    for (int j = 0; j < N; ++j) sum[j] = sums[0][lane][j] / pixels;
    store_floats(y + tile.n * p.c + tile.channel, sum);
  }
}

template <int N, class T>
__global__ void spread(GlobalAveragePoolProblem p, const T* dy, T* dx) {
  const Tile<N> tile(p);
  if (tile.channel >= p.c) return;
  const float pixels = static_cast<float>(p.h * p.w);
  float share[N];
  load_floats(dy + tile.n * p.c + tile.channel, share);
#pragma unroll
  for (int j = 0; j < N; ++j) share[j] /= pixels;
  for (std::int64_t h = threadIdx.y; h < tile.end_row; h += kRows) {
    T* pixel = dx + tile.row(p, h);
    for (std::int64_t w = 0; w < p.w; ++w, pixel += p.c) store_floats(pixel, share);
  }
}

unsigned blocks(const GlobalAveragePoolProblem& p, int channels_per_thread) {
  return static_cast<unsigned>(p.n * ceil_div(p.c, kLanes * channels_per_thread));
}

void forward(Stream stream, const GlobalAveragePoolProblem& p, ConstView x_view, View y_view) {
  with_f32_or_bf16("global_average_pool.forward", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    if (p.y_size() == 0) return;
    const auto run = [&](auto n) {
      launch<average<n(), T>>(blocks(p, n()), dim3(kLanes, kRows), 0, native(stream), p, x, y);
    };
    with_channel_packs<T>(p.c, run, x, static_cast<const T*>(y));
  });
}

void backward(Stream stream, const GlobalAveragePoolProblem& p, ConstView dy_view, View dx_view) {
  with_f32_or_bf16("global_average_pool.backward", dx_view.dtype, [&]<class T>(T) {
    const T* dy = dy_view.as<T>();
    T* dx = dx_view.as<T>();
    if (p.y_size() == 0) return;
    const auto run = [&](auto n) {
      launch<spread<n(), T>>(blocks(p, n()), dim3(kLanes, kRows), 0, native(stream), p, dy, dx);
    };
    with_channel_packs<T>(p.c, run, dy, static_cast<const T*>(dx));
  });
}

}  // namespace

void install_global_average_pool(Backend& b) {
  b.global_average_pool.forward = forward;
  b.global_average_pool.backward = backward;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
