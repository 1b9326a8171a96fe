// Launches: the grid, the block and the shared memory that do not belong to the kernel.
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr int kThreads = 64, kSize = 100;

__global__ void copy(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i];
}

template <unsigned blocks, unsigned threads>
bool copies() {
  const Array<float> x(counting(kSize)), y(kSize);
  launch<copy>(blocks, threads, 0, nullptr, x.read(), y.write(), kSize);
  return equals(y.values(), [](int i) { return i; });
}

/// Written for blocks of kThreads threads.
__global__ void sum_block(const float* x, float* y) {
  __shared__ float part[kThreads];
  const int i = threadIdx.x;
  part[i] = x[i];
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (i < half) part[i] += part[i + half];
    __syncthreads();
  }
  if (i == 0) *y = part[0];
}

template <unsigned threads>
bool sums() {
  const Array<float> x(counting(kThreads)), y(1);
  launch<sum_block>(1, threads, 0, nullptr, x.read(), y.write());
  return y.values()[0] == kThreads * (kThreads - 1) / 2;
}

/// Rows go along y.
__global__ void transpose(const float* x, float* y) {
  y[threadIdx.x * blockDim.y + threadIdx.y] = x[threadIdx.y * blockDim.x + threadIdx.x];
}

/// 4 rows of 8 columns.
template <unsigned columns, unsigned rows>
bool transposes() {
  const Array<float> x(counting(32)), y(32);
  launch<transpose>(1, dim3(columns, rows), 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return i % 4 * 8 + i / 4; });
}

__global__ void fill_rows(float* y, int rows) {
  DYNAMIC_SHARED(float, tile);
  for (int row = 0; row < rows; ++row) tile[row * kThreads + threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}

/// A tile of n x n floats.
template <int rows>
bool fills_rows() {
  const Array<float> y(kThreads);
  launch<fill_rows>(1, kThreads, rows * kThreads * sizeof(float), nullptr, y.write(), rows);
  return equals(y.values(), [](int) { return 1; });
}

}  // namespace

std::vector<Bug> launch_bugs() {
  constexpr const char *kBlock = "copy: illegal block (2048,1,1); 1 to 1024 threads",
                       *kGrid = "copy: illegal grid (0,1,1)",
                       *kShared = "bytes of dynamic shared memory; at most";
  return {
      {"grid_off_by_one",
       "n / threads blocks, rounded down",
       copies<kSize / kThreads, kThreads>,
       {kWrong, kWrong, kWrong},
       copies<kSize / kThreads + 1, kThreads>},
      {"block_too_large",
       "2048 threads",
       copies<1, 2048>,
       {kBlock, kBlock, kBlock},
       copies<1, 1024>},
      {"empty_grid",
       "no blocks for an empty tensor",
       copies<0, kThreads>,
       {kGrid, kGrid, kGrid},
       copies<2, kThreads>},
      {"block_of_another_size",
       "half as many threads as the kernel was written for",
       sums<kThreads / 2>,
       {kWrong, kWrong, "reads shared memory that nobody has written"},
       sums<kThreads>},
      {"rows_for_columns",
       "blockDim.x and blockDim.y the other way round",
       transposes<4, 8>,
       {kWrong, kWrong, kWrong},
       transposes<8, 4>},
      {"too_much_shared_memory",
       "more than any GPU has",
       fills_rows<1000>,
       {kShared, kShared, kShared},
       fills_rows<100>},
  };
}

}  // namespace tl::simt::bugs
