// cp.async: copies arrive at the wait, not before, and each thread waits for its own.
#include <cmath>

#include "tests/simt/support.h"

namespace tl::simt {
namespace {

/// Each thread copies 4 floats and reads them back: before the commit, after it, after the wait.
__global__ void copy_and_look(const float* x, float* early, float* committed, float* y) {
  __shared__ __align__(16) float box[128];
  const int i = threadIdx.x;
  for (int j = 0; j < 4; ++j) box[4 * i + j] = -1;
  __pipeline_memcpy_async(&box[4 * i], x + 4 * i, 16);
  early[i] = box[4 * i];
  __pipeline_commit();
  committed[i] = box[4 * i];
  __pipeline_wait_prior(0);
  for (int j = 0; j < 4; ++j) y[4 * i + j] = box[4 * i + j];
}

/// Two groups of 4 and 8 bytes; after the first wait only the first one has arrived.
__global__ void two_groups(const float* x, float* first, float* second, float* after) {
  __shared__ __align__(8) float box[3];
  if (threadIdx.x == 0) {
    __pipeline_memcpy_async(&box[2], x, 4);
    __pipeline_commit();
    __pipeline_memcpy_async(&box[0], x + 2, 8);
    __pipeline_commit();
    __pipeline_wait_prior(1);
    *first = box[2];
    *second = box[1];
    __pipeline_wait_prior(0);
    *after = box[1];
  }
}

/// What was not committed is not waited for.
__global__ void forgotten_commit(const float* x, float* y) {
  __shared__ float box;
  if (threadIdx.x == 0) {
    __pipeline_memcpy_async(&box, x, 4);
    __pipeline_wait_prior(0);
    *y = box;
  }
}

/// The first block leaves a copy behind; the second waits, but has asked for none.
__global__ void copy_left_behind(const float* x, float* y) {
  __shared__ float box;
  if (threadIdx.x != 0) return;
  if (blockIdx.x == 0) {
    __pipeline_memcpy_async(&box, x, 4);
    __pipeline_commit();
  } else {
    __pipeline_wait_prior(0);
    *y = box;
  }
}

__global__ void copy_with_zeros(const char* x, char* y) {
  __shared__ __align__(16) char box[16];
  const int zeros = static_cast<int>(blockIdx.x);
  if (threadIdx.x == 0) {
    __pipeline_memcpy_async(box, x, 16, static_cast<std::size_t>(zeros));
    __pipeline_commit();
    __pipeline_wait_prior(0);
    for (int i = 0; i < 16; ++i) y[16 * zeros + i] = box[i];
  }
}

/// A double buffer as kernels use it, in which each thread reads its neighbour's copy.
template <bool waits, bool has_last_barrier>
__global__ void sum_stages(int stages, const float* x, float* y) {
  __shared__ float box[2][64];
  const int i = threadIdx.x;
  float sum = 0;
  __pipeline_memcpy_async(&box[0][i], x + i, 4);
  __pipeline_commit();
  for (int s = 0; s < stages; ++s) {
    if (s + 1 < stages) __pipeline_memcpy_async(&box[(s + 1) % 2][i], x + 64 * (s + 1) + i, 4);
    __pipeline_commit();
    if (waits) __pipeline_wait_prior(1);
    __syncthreads();
    sum += box[s % 2][(i + 1) % 64];
    if (has_last_barrier) __syncthreads();
  }
  y[i] = sum;
}

__global__ void copy(const float* x, int from, int to, int bytes) {
  __shared__ __align__(16) float box[8];
  __pipeline_memcpy_async(&box[to], x + from, static_cast<std::size_t>(bytes));
}

std::vector<float> counting(int size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) values[i] = static_cast<float>(i);
  return values;
}

}  // namespace

TEST_CASE("simt: an asynchronous copy arrives at the wait") {
  const WithoutRaceChecks all_pass;
  const std::vector<float> values = counting(128);
  const Buffer<float> x(values), early(32), committed(32), y(128);
  for_each_order([&] {
    launch<copy_and_look>(1, 32, 0, nullptr, static_cast<const float*>(x),
                          static_cast<float*>(early), static_cast<float*>(committed),
                          static_cast<float*>(y));
    for (float value : early.read()) CHECK(std::isnan(value));
    for (float value : committed.read()) CHECK(std::isnan(value));
    CHECK(y.read() == values);
  });
}

TEST_CASE(
    "simt: a wait leaves open the last groups, what was never committed, other blocks' copies") {
  const WithoutRaceChecks all_pass;
  const Buffer<float> x(counting(4)), first(1), second(1), after(1), forgotten(1);
  launch<two_groups>(1, 32, 0, nullptr, static_cast<const float*>(x), static_cast<float*>(first),
                     static_cast<float*>(second), static_cast<float*>(after));
  CHECK(first.read()[0] == 0);
  CHECK(std::isnan(second.read()[0]));
  CHECK(after.read()[0] == 3);
  launch<forgotten_commit>(1, 32, 0, nullptr, static_cast<const float*>(x),
                           static_cast<float*>(forgotten));
  CHECK(std::isnan(forgotten.read()[0]));
  const UseOrder forward({ThreadOrder::forward});
  const Buffer<float> left(1);
  launch<copy_left_behind>(2, 32, 0, nullptr, static_cast<const float*>(x),
                           static_cast<float*>(left));
  CHECK(std::isnan(left.read()[0]));
}

TEST_CASE("simt: an asynchronous copy ends in as many zeros as asked for") {
  std::vector<char> values(16);
  for (int i = 0; i < 16; ++i) values[i] = static_cast<char>(i + 1);
  const Buffer<char> x(values), y(17 * 16);
  launch<copy_with_zeros>(17, 32, 0, nullptr, static_cast<const char*>(x), static_cast<char*>(y));
  const std::vector<char> found = y.read();
  for (int zeros = 0; zeros <= 16; ++zeros) {
    for (int i = 0; i < 16; ++i) {
      CAPTURE(zeros);
      CAPTURE(i);
      CHECK(found[16 * zeros + i] == (i < 16 - zeros ? i + 1 : 0));
    }
  }
}

TEST_CASE("simt: a double buffer needs its wait and its last barrier") {
  const WithoutRaceChecks all_pass;
  const int stages = 5;
  const Buffer<float> x(counting(64 * stages)), y(64);
  std::vector<float> right(64);
  for (int i = 0; i < 64; ++i) {
    for (int s = 0; s < stages; ++s) right[i] += static_cast<float>(64 * s + (i + 1) % 64);
  }
  for_each_order([&] {
    const auto run = [&]<auto kernel>() {
      launch<kernel>(1, 64, 0, nullptr, stages, static_cast<const float*>(x),
                     static_cast<float*>(y));
      return y.read();
    };
    CHECK(run.operator()<sum_stages<true, true>>() == right);
    CHECK(run.operator()<sum_stages<false, true>>() != right);
    CHECK(run.operator()<sum_stages<true, false>>() != right);
  });
}

TEST_CASE("simt: what an asynchronous copy refuses") {
  const Buffer<float> x(counting(8));
  const auto error = [&](int from, int to, int bytes) {
    return error_of(
        [&] { launch<copy>(1, 1, 0, nullptr, static_cast<const float*>(x), from, to, bytes); });
  };
  CHECK(error(0, 4, 16) == "no error");
  CHECK(contains(error(1, 4, 16), "copy: block (0,0,0) thread (0,0,0) calls "));
  CHECK(contains(error(1, 4, 16), "16 bytes from 0x"));
  CHECK(contains(error(0, 1, 8), "not both multiples of it"));
  CHECK(contains(error(0, 0, 12), "with 12 bytes, 0 of them zeros; it takes 4, 8 or 16"));
}

}  // namespace tl::simt
