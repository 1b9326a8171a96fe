// Atomic operations.
#include "tests/simt/support.h"

namespace tl::simt {
namespace {

struct Totals {
  int sum, largest, smallest, swaps;
};

__global__ void collect(const int* x, Totals* totals, float* total) {
  const int value = x[blockIdx.x * blockDim.x + threadIdx.x];
  atomicAdd(&totals->sum, value);
  atomicMax(&totals->largest, value);
  atomicMin(&totals->smallest, value);
  int seen = 0;
  for (;;) {  // atomicAdd by compare and swap
    const int found = atomicCAS(&totals->swaps, seen, seen + 1);
    if (found == seen) break;
    seen = found;
  }
  atomicAdd(total, 0.5f);
}

/// Every thread draws a number that no other has.
__global__ void draw(int* next, int* y) {
  const int number = atomicAdd(next, 1);
  y[number] = number;
}

__global__ void take(int* place, int* y) { y[threadIdx.x] = atomicExch(place, 100); }

}  // namespace

TEST_CASE("simt: atomics of many blocks") {
  std::vector<int> x(4 * 64);
  for (int i = 0; i < 256; ++i) x[i] = i % 2 ? i : -i;
  const Buffer<int> in(x);
  for_each_order([&] {
    const Buffer<Totals> totals(std::vector<Totals>{{0, 0, 0, 0}});
    const Buffer<float> total(std::vector<float>{0});
    launch<collect>(4, 64, 0, nullptr, static_cast<const int*>(in), static_cast<Totals*>(totals),
                    static_cast<float*>(total));
    const Totals found = totals.read()[0];
    CHECK(found.sum == 128);
    CHECK(found.largest == 255);
    CHECK(found.smallest == -254);
    CHECK(found.swaps == 256);
    CHECK(total.read()[0] == 128.0f);
  });
}

TEST_CASE("simt: atomics return what was there") {
  const Buffer<int> next(std::vector<int>{0}), y(96);
  launch<draw>(3, 32, 0, nullptr, static_cast<int*>(next), static_cast<int*>(y));
  for (int i = 0; i < 96; ++i) CHECK(y.read()[i] == i);

  const UseOrder forward({ThreadOrder::forward});
  const Buffer<int> place(std::vector<int>{7}), taken(2);
  launch<take>(1, 2, 0, nullptr, static_cast<int*>(place), static_cast<int*>(taken));
  CHECK(taken.read() == std::vector<int>{7, 100});
}

}  // namespace tl::simt
