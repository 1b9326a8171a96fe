// Values that nobody wrote.
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr int kThreads = 64;

template <bool mended>
__global__ void write_all(float* y, int n) {
  const int i = threadIdx.x;
  if (i < (mended ? n : n - 1)) y[i] = 1;
}

template <bool mended>
bool writes_all() {
  const Array<float> y(kThreads);
  launch<write_all<mended>>(1, kThreads, 0, nullptr, y.write(), kThreads);
  return equals(y.values(), [](int) { return 1; });
}

template <bool mended>
__global__ void count_threads(float* y) {
  DYNAMIC_SHARED(float, sum);
  if (mended && threadIdx.x == 0) *sum = 0;
  __syncthreads();
  atomicAdd(sum, 1.0f);
  __syncthreads();
  y[threadIdx.x] = *sum;
}

template <bool mended>
bool counts_threads() {
  const Array<float> y(kThreads);
  launch<count_threads<mended>>(1, kThreads, sizeof(float), nullptr, y.write());
  return equals(y.values(), [](int) { return kThreads; });
}

/// The border of a tile is read and never written.
template <bool mended>
__global__ void sum_neighbours(const float* x, float* y) {
  __shared__ float tile[kThreads + 2];
  const int i = threadIdx.x;
  tile[i + 1] = x[i];
  if (mended && i < 2) tile[i * (kThreads + 1)] = 0;
  __syncthreads();
  y[i] = tile[i] + tile[i + 2];
}

template <bool mended>
bool sums_neighbours() {
  const Array<float> x(std::vector<float>(kThreads, 1.0f)), y(kThreads);
  launch<sum_neighbours<mended>>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return i == 0 || i == kThreads - 1 ? 1 : 2; });
}

__global__ void add(const float* x, float* y) { y[threadIdx.x] += x[threadIdx.x]; }

/// New memory is taken to be zero.
template <bool mended>
bool adds() {
  const Array<float> x(counting(kThreads)), y(kThreads);
  if (mended) {
    cudaMemsetAsync(y.write(), 0, kThreads * sizeof(float), nullptr);
  }
  launch<add>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return i; });
}

/// The part of the result that a multiplication by zero was to remove.
__global__ void scale_and_add(const float* x, float beta, float* y) {
  y[threadIdx.x] = x[threadIdx.x] + beta * y[threadIdx.x];
}
__global__ void scale_and_add_if(const float* x, float beta, float* y) {
  const float before = beta == 0 ? 0 : y[threadIdx.x];
  y[threadIdx.x] = x[threadIdx.x] + beta * before;
}

template <bool mended>
bool scales_and_adds() {
  const Array<float> x(counting(kThreads)), y(kThreads);
  constexpr auto kKernel = mended ? scale_and_add_if : scale_and_add;
  launch<kKernel>(1, kThreads, 0, nullptr, x.read(), 0.0f, y.write());
  return equals(y.values(), [](int i) { return i; });
}

}  // namespace

std::vector<Bug> value_bugs() {
  constexpr const char *kShared = "reads shared memory that nobody has written in this block",
                       *kGlobal = "reads global memory that nobody has written";
  return {
      {"unwritten_output",
       "the last element is left out",
       writes_all<false>,
       {kWrong, kWrong, kWrong},
       writes_all<true>},
      {"uninitialised_shared",
       "a sum in shared memory that nobody began",
       counts_threads<false>,
       {kWrong, kWrong, kShared},
       counts_threads<true>},
      {"uninitialised_border",
       "the border of a tile in shared memory",
       sums_neighbours<false>,
       {nullptr, nullptr, kShared},
       sums_neighbours<true>},
      {"memory_taken_for_zero",
       "a sum in global memory that nobody began",
       adds<false>,
       {kWrong, kWrong, kGlobal},
       adds<true>},
      {"zero_times_garbage",
       "0 * y of an output that nobody has written",
       scales_and_adds<false>,
       {kWrong, kWrong, kGlobal},
       scales_and_adds<true>},
  };
}

}  // namespace tl::simt::bugs
