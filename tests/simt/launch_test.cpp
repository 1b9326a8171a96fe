// launch: parameters, built-in variables, dynamic shared memory, refused configurations.
#include <cmath>
#include <cstring>
#include <thread>

#include "kernels/cuda/compat.cuh"
#include "tests/simt/support.h"

namespace tl::simt {
namespace {

__global__ void coordinates(uint3* thread, uint3* block) {
  const dim3 g = gridDim, b = blockDim;
  const unsigned in_block = (threadIdx.z * b.y + threadIdx.y) * b.x + threadIdx.x;
  const unsigned block_number = (blockIdx.z * g.y + blockIdx.y) * g.x + blockIdx.x;
  const unsigned i = block_number * b.x * b.y * b.z + in_block;
  thread[i] = threadIdx;
  block[i] = blockIdx;
}

struct Parameters {
  double a;
  char text[12];
};

/// Every thread changes its own copy.
__global__ void change_parameters(Parameters p, int n, int* y) {
  n += static_cast<int>(p.a) + p.text[3];
  p.a = 1000;
  p.text[3] = 99;
  __syncthreads();
  y[threadIdx.x] = n;
}

/// Writes its shared memory only after it has reported what it found there.
__global__ void count_nan(int floats, int* y) {
  DYNAMIC_SHARED(float, shared);
  int count = 0;
  for (int i = 0; i < floats; ++i) count += std::isnan(shared[i]);
  y[blockIdx.x * blockDim.x + threadIdx.x] = count;
  __syncthreads();
  shared[threadIdx.x] = 1;
}

__global__ void reverse_block(int* y) {
  DYNAMIC_SHARED(int, shared);
  const int i = threadIdx.x, n = blockDim.x;
  shared[i] = i;
  __syncthreads();
  y[i] = shared[n - 1 - i];
}

__global__ void nothing() {}

template <class T, int n>
__global__ void templated(T* y) {
  y[0] = n;
}

__global__ void add_many(int rounds, int* y) {
  for (int i = 0; i < rounds; ++i) {
    y[threadIdx.x] += 1;
    __syncthreads();
  }
}

}  // namespace

TEST_CASE("simt: built-in variables number threads and blocks, x first") {
  const dim3 grid(2, 3, 2), block(3, 2, 4);
  const std::size_t threads = 12 * 24;
  const Buffer<uint3> thread(threads), place(threads);
  launch<coordinates>(grid, block, 0, nullptr, static_cast<uint3*>(thread),
                      static_cast<uint3*>(place));
  const std::vector<uint3> t = thread.read(), b = place.read();
  for (unsigned i = 0; i < threads; ++i) {
    const unsigned in_block = i % 24, number = i / 24;
    CHECK(t[i].x == in_block % 3);
    CHECK(t[i].y == in_block / 3 % 2);
    CHECK(t[i].z == in_block / 6);
    CHECK(b[i].x == number % 2);
    CHECK(b[i].y == number / 2 % 3);
    CHECK(b[i].z == number / 6);
  }
}

TEST_CASE("simt: each thread has its own copy of the parameters") {
  const Buffer<int> y(40);
  launch<change_parameters>(1, 40, 0, nullptr, Parameters{2, "abc\x05"}, 3, static_cast<int*>(y));
  CHECK(y.read() == std::vector<int>(40, 10));
}

TEST_CASE("simt: dynamic shared memory is NaN at the start of every block") {
  const WithoutRaceChecks all_pass;
  const Buffer<int> y(3 * 32);
  launch<count_nan>(3, 32, 33 * sizeof(float), nullptr, 33, static_cast<int*>(y));
  CHECK(y.read() == std::vector<int>(3 * 32, 33));
}

TEST_CASE("simt: dynamic shared memory is shared") {
  const Buffer<int> y(100);
  for_each_order([&] {
    launch<reverse_block>(1, 100, 100 * sizeof(int), nullptr, static_cast<int*>(y));
    for (int i = 0; i < 100; ++i) CHECK(y.read()[i] == 99 - i);
  });
}

TEST_CASE("simt: kernels have the names of the source") {
  CHECK(kernel_name<nothing>() == "nothing");
  CHECK(kernel_name<templated<float, 3>>() == "templated<float, 3>");
}

TEST_CASE("simt: launches that no GPU takes") {
  const auto refused = [](dim3 grid, dim3 block, std::size_t shared_bytes = 0) {
    return error_of([&] { launch<nothing>(grid, block, shared_bytes, nullptr); });
  };
  CHECK(refused(1, 1024) == "no error");
  CHECK(contains(refused(0, 32), "nothing: illegal grid (0,1,1)"));
  CHECK(contains(refused(dim3(1, 65536), 32), "nothing: illegal grid (1,65536,1)"));
  CHECK(contains(refused(1, 0), "nothing: illegal block (0,1,1)"));
  CHECK(contains(refused(1, 1025), "nothing: illegal block (1025,1,1)"));
  CHECK(contains(refused(1, dim3(32, 33)), "nothing: illegal block (32,33,1)"));
  CHECK(contains(refused(1, dim3(1, 1, 65)), "nothing: illegal block (1,1,65)"));
  CHECK(contains(refused(1, dim3(1u << 31, 2)), "nothing: illegal block"));
  CHECK(refused(1, 1, 227 << 10) == "no error");
  CHECK(contains(refused(1, 1, (227 << 10) + 1), "nothing: 232449 bytes of dynamic shared"));
}

TEST_CASE("simt: a launch after a failed one is a launch like any other") {
  const Buffer<int> y(64);
  CHECK(contains(error_of([&] { launch<fails>(1, 64, 0, nullptr); }), "fails: block (0,0,0)"));
  launch<reverse_block>(1, 64, 64 * sizeof(int), nullptr, static_cast<int*>(y));
  CHECK(y.read()[63] == 0);
}

TEST_CASE("simt: launches of several OS threads do not meet") {
  const Buffer<int> a(std::vector<int>(64, 0)), b(std::vector<int>(64, 0));
  const auto work = [](int* y) {
    for (int i = 0; i < 20; ++i) launch<add_many>(1, 64, 0, nullptr, 10, y);
  };
  std::thread other(work, static_cast<int*>(a));
  work(b);
  other.join();
  CHECK(a.read() == std::vector<int>(64, 200));
  CHECK(b.read() == std::vector<int>(64, 200));
}

}  // namespace tl::simt
