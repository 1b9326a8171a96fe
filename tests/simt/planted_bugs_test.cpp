// Kernels with one fault each, as people make them, and how the layer shows it. Faults that only
// AddressSanitizer can see are in planted_bugs_asan.cpp.
#include <cmath>

#include "kernels/cuda/compat.cuh"
#include "tests/simt/support.h"

namespace tl::simt {
namespace {

constexpr int kThreads = 64;

// ---- barriers -----------------------------------------------------------------------------------

__global__ void different_barriers(float* y) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = 1;
}

__global__ void return_before_barrier(int n, float* y) {
  if (static_cast<int>(threadIdx.x) >= n) return;
  __syncthreads();
  y[threadIdx.x] = 1;
}

__global__ void half_a_barrier(float* y) {
  if (threadIdx.x < 32) __syncthreads();
  y[threadIdx.x] = 1;
}

/// The upper lanes go to the barrier, the lower ones wait for them in a shuffle.
__global__ void barrier_against_shuffle(float* y) {
  float value = 1;
  if (threadIdx.x < 16) value = __shfl_xor_sync(FULL_WARP, value, 16);
  __syncthreads();
  y[threadIdx.x] = value;
}

__global__ void shuffle_from_returned_lane(int n, float* y) {
  if (static_cast<int>(threadIdx.x) >= n) return;
  y[threadIdx.x] = __shfl_down_sync(FULL_WARP, 1.0f, 1);
}

// ---- races that the order of threads shows ------------------------------------------------------

/// Needs a barrier between the store and the load; right if lower threads have gone first.
__global__ void shift_without_barrier(const float* x, float* y) {
  __shared__ float shared[kThreads];
  const int i = threadIdx.x;
  shared[i] = x[i];
  y[i] = i > 0 ? shared[i - 1] : 0;
}

/// Needs a second barrier, so that nobody overwrites what others still read.
__global__ void tiles_without_second_barrier(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const int i = threadIdx.x;
  float sum = 0;
  for (int t = 0; t < 2; ++t) {
    tile[i] = x[t * kThreads + i];
    __syncthreads();
    sum += tile[(i + 1) % kThreads];
  }
  y[i] = sum;
}

/// Right if block 0 has gone first.
__global__ void block_reads_block(float* y) {
  const int i = threadIdx.x;
  if (blockIdx.x == 0) {
    y[i] = static_cast<float>(i);
  } else {
    y[kThreads + i] = y[i] + 1;
  }
}

// ---- values nobody wrote ------------------------------------------------------------------------

__global__ void last_element_forgotten(int n, float* y) {
  const int i = threadIdx.x;
  if (i < n - 1) y[i] = 1;
}

__global__ void shared_sum_not_started(float* y) {
  DYNAMIC_SHARED(float, sum);
  atomicAdd(sum, 1.0f);
  __syncthreads();
  y[threadIdx.x] = *sum;
}

std::vector<float> counting(int size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) values[i] = static_cast<float>(i);
  return values;
}

bool all_nan(const std::vector<float>& values) {
  for (float value : values) {
    if (!std::isnan(value)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("simt finds: threads at different barriers") {
  const Buffer<float> y(kThreads);
  for_each_order([&] {
    const std::string error = error_of(
        [&] { launch<different_barriers>(1, kThreads, 0, nullptr, static_cast<float*>(y)); });
    CHECK(contains(error, "different_barriers: block (0,0,0) thread ("));
    CHECK(contains(error, "divergent barrier: waits at __syncthreads, planted_bugs_test.cpp:"));
  });
}

TEST_CASE("simt finds: a thread that returns before a barrier") {
  const Buffer<float> y(kThreads);
  for_each_order([&] {
    const std::string error = error_of([&] {
      launch<return_before_barrier>(1, kThreads, 0, nullptr, 63, static_cast<float*>(y));
    });
    CHECK(contains(error, "return_before_barrier: block (0,0,0) thread ("));
    CHECK((contains(error, "returns before the last barrier: thread (") ||
           contains(error, "for ever: 1 thread has returned before it")));
  });
  CHECK(contains(
      error_of([&] { launch<half_a_barrier>(1, kThreads, 0, nullptr, static_cast<float*>(y)); }),
      "half_a_barrier: block (0,0,0) thread ("));
}

TEST_CASE("simt finds: lanes that wait for lanes at a barrier") {
  const Buffer<float> y(32);
  for_each_order([&] {
    const std::string error = error_of(
        [&] { launch<barrier_against_shuffle>(1, 32, 0, nullptr, static_cast<float*>(y)); });
    CHECK(contains(error, "barrier_against_shuffle: block (0,0,0) thread ("));
    CHECK(contains(error, "stuck: 16 at a barrier (thread (16,0,0) waits at __syncthreads"));
    CHECK(contains(error, "lanes at a warp operation (thread (0,0,0) waits at __shfl_xor_sync"));
  });
}

TEST_CASE("simt finds: a shuffle from a lane that has returned") {
  const Buffer<float> y(32);
  for_each_order([&] {
    CHECK(contains(error_of([&] {
                     launch<shuffle_from_returned_lane>(1, 32, 0, nullptr, 20,
                                                        static_cast<float*>(y));
                   }),
                   "lane 19 wants the value of lane 20, which is not in the mask or has returned"));
  });
}

TEST_CASE("simt: a launch after a failed one is a launch like any other") {
  const Buffer<float> y(kThreads), x(counting(kThreads));
  CHECK_THROWS_AS(launch<different_barriers>(1, kThreads, 0, nullptr, static_cast<float*>(y)),
                  Error);
  const UseOrder forward({ThreadOrder::forward});
  launch<shift_without_barrier>(1, kThreads, 0, nullptr, static_cast<const float*>(x),
                                static_cast<float*>(y));
  CHECK(y.read()[63] == 62);
}

TEST_CASE("simt shows: missing barriers give another result in another order") {
  const auto results = [](const auto& run) {
    std::vector<std::vector<float>> found;
    for (const char* text : {"forward", "reverse", "random:1"}) {
      const UseOrder order(parse_order(text));
      found.push_back(run());
    }
    return found;
  };
  const Buffer<float> x(counting(2 * kThreads));

  const auto shifted = results([&] {
    const Buffer<float> y(kThreads);
    launch<shift_without_barrier>(1, kThreads, 0, nullptr, static_cast<const float*>(x),
                                  static_cast<float*>(y));
    return y.read();
  });
  std::vector<float> right = counting(kThreads);
  for (int i = kThreads - 1; i > 0; --i) right[i] = right[i - 1];
  CHECK(shifted[0] == right);  // forward alone would not have found it
  CHECK(shifted[1] != right);
  CHECK(shifted[2] != right);

  const auto tiled = results([&] {
    const Buffer<float> y(kThreads);
    launch<tiles_without_second_barrier>(1, kThreads, 0, nullptr, static_cast<const float*>(x),
                                         static_cast<float*>(y));
    return y.read();
  });
  CHECK(tiled[0] != tiled[1]);

  const auto across = results([&] {
    const Buffer<float> y(2 * kThreads);
    launch<block_reads_block>(2, kThreads, 0, nullptr, static_cast<float*>(y));
    return y.read();
  });
  CHECK(across[0][kThreads] == 1);
  CHECK(std::isnan(across[1][kThreads]));
}

TEST_CASE("simt shows: what nobody wrote is NaN") {
  const Buffer<float> y(kThreads);
  launch<last_element_forgotten>(1, kThreads, 0, nullptr, kThreads, static_cast<float*>(y));
  CHECK(y.read()[62] == 1);
  CHECK(std::isnan(y.read()[63]));

  launch<shared_sum_not_started>(1, kThreads, sizeof(float), nullptr, static_cast<float*>(y));
  CHECK(all_nan(y.read()));
}

}  // namespace tl::simt
