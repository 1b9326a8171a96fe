// global_average_pool: the contract of kernels/global_average_pool.h. A block has 32 channels of
// one picture, which lie side by side in memory, and takes kRows rows of pixels at a time.
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kLanes = 32, kRows = 8;

/// What one thread has: rows threadIdx.y, threadIdx.y + kRows, ... below end_row of one channel.
struct Tile {
  std::int64_t n, channel, end_row;

  __device__ explicit Tile(const GlobalAveragePoolProblem& p) {
    const std::int64_t tiles = ceil_div(p.c, kLanes);
    n = blockIdx.x / tiles;
    channel = blockIdx.x % tiles * kLanes + threadIdx.x;
    end_row = channel < p.c ? p.h : 0;
  }
  /// Index of the first pixel of row h.
  __device__ std::int64_t row(const GlobalAveragePoolProblem& p, std::int64_t h) const {
    return (n * p.h + h) * p.w * p.c + channel;
  }
};

__global__ void average(GlobalAveragePoolProblem p, const float* x, float* y) {
  __shared__ float sums[kRows][kLanes];
  const Tile tile(p);
  const int lane = threadIdx.x, row_lane = threadIdx.y;
  float sum = 0;
  for (std::int64_t h = row_lane; h < tile.end_row; h += kRows) {
    const float* pixel = x + tile.row(p, h);
    float row = 0;
    for (std::int64_t w = 0; w < p.w; ++w, pixel += p.c) row += *pixel;
    sum += row;
  }
  sums[row_lane][lane] = sum;
  __syncthreads();
  for (int half = kRows / 2; half > 0; half /= 2) {
    if (row_lane < half) sums[row_lane][lane] += sums[row_lane + half][lane];
    __syncthreads();
  }
  if (row_lane == 0 && tile.channel < p.c) {
    y[tile.n * p.c + tile.channel] = sums[0][lane] / static_cast<float>(p.h * p.w);
  }
}

__global__ void spread(GlobalAveragePoolProblem p, const float* dy, float* dx) {
  const Tile tile(p);
  if (tile.channel >= p.c) return;
  const float share = dy[tile.n * p.c + tile.channel] / static_cast<float>(p.h * p.w);
  for (std::int64_t h = threadIdx.y; h < tile.end_row; h += kRows) {
    float* pixel = dx + tile.row(p, h);
    for (std::int64_t w = 0; w < p.w; ++w, pixel += p.c) *pixel = share;
  }
}

unsigned blocks(const GlobalAveragePoolProblem& p) {
  return static_cast<unsigned>(p.n * ceil_div(p.c, kLanes));
}

void forward(Stream stream, const GlobalAveragePoolProblem& p, ConstView x, View y) {
  if (p.y_size() == 0) return;
  launch<average>(blocks(p), dim3(kLanes, kRows), 0, native(stream), p, x.as<float>(),
                  y.as<float>());
}

void backward(Stream stream, const GlobalAveragePoolProblem& p, ConstView dy, View dx) {
  if (p.y_size() == 0) return;
  launch<spread>(blocks(p), dim3(kLanes, kRows), 0, native(stream), p, dy.as<float>(),
                 dx.as<float>());
}

}  // namespace

void install_global_average_pool(Backend& b) {
  b.global_average_pool.forward = forward;
  b.global_average_pool.backward = backward;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
