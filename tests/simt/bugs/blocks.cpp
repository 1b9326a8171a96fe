// Between the blocks of a launch, which nothing orders.
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr int kThreads = 32, kBlocks = 3;

/// Column sums: each block adds its row.
template <bool mended>
__global__ void add_rows(const float* x, float* y) {
  const int i = threadIdx.x;
  const float value = x[blockIdx.x * kThreads + i];
  if constexpr (mended) {
    atomicAdd(&y[i], value);
  } else {
    y[i] += value;
  }
}

template <bool mended>
bool adds_rows() {
  const Array<float> x(counting(kBlocks * kThreads)), y(std::vector<float>(kThreads, 0.0f));
  launch<add_rows<mended>>(kBlocks, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return 3 * i + 3 * kThreads; });
}

__global__ void store_first(float* y) { y[threadIdx.x] = static_cast<float>(threadIdx.x); }
__global__ void add_to_first(float* y) { y[kThreads + threadIdx.x] = y[threadIdx.x] + 1; }
/// Right if block 0 goes first.
__global__ void store_and_add(float* y) {
  if (blockIdx.x == 0) {
    y[threadIdx.x] = static_cast<float>(threadIdx.x);
  } else {
    y[kThreads + threadIdx.x] = y[threadIdx.x] + 1;
  }
}

template <bool mended>
bool stores_and_adds() {
  const Array<float> y(2 * kThreads);
  if (mended) {
    launch<store_first>(1, kThreads, 0, nullptr, y.write());
    launch<add_to_first>(1, kThreads, 0, nullptr, y.write());
  } else {
    launch<store_and_add>(2, kThreads, 0, nullptr, y.write());
  }
  return equals(y.values(), [](int i) { return i < kThreads ? i : i - kThreads + 1; });
}

/// The tiles of neighbouring blocks overlap by one element, which both write.
template <bool mended>
__global__ void write_tiles(float* y, int n) {
  constexpr int kStep = mended ? kThreads : kThreads - 1;
  const int i = blockIdx.x * kStep + threadIdx.x;
  if (i < n) y[i] = static_cast<float>(i);
}

template <bool mended>
bool writes_tiles() {
  const Array<float> y(2 * kThreads);
  launch<write_tiles<mended>>(kBlocks, kThreads, 0, nullptr, y.write(), 2 * kThreads);
  return equals(y.values(), [](int i) { return i; });
}

/// The block that comes last adds up what all have left: on a GPU it needs fences, and it is a
/// pattern that these kernels do not use.
__global__ void last_block_adds(const float* x, float* part, int* arrived, float* y) {
  if (threadIdx.x > 0) return;
  part[blockIdx.x] = x[blockIdx.x];
  if (atomicAdd(arrived, 1) < kBlocks - 1) return;
  float sum = 0;
  for (int b = 0; b < kBlocks; ++b) sum += part[b];
  *y = sum;
}
__global__ void store_parts(const float* x, float* part) {
  if (threadIdx.x == 0) part[blockIdx.x] = x[blockIdx.x];
}
__global__ void add_parts(const float* part, float* y) {
  if (threadIdx.x > 0) return;
  float sum = 0;
  for (int b = 0; b < kBlocks; ++b) sum += part[b];
  *y = sum;
}

template <bool mended>
bool adds_parts() {
  const Array<float> x(counting(kBlocks)), part(kBlocks), y(1);
  const Array<int> arrived(std::vector<int>{0});
  if (mended) {
    launch<store_parts>(kBlocks, kThreads, 0, nullptr, x.read(), part.write());
    launch<add_parts>(1, kThreads, 0, nullptr, part.read(), y.write());
  } else {
    launch<last_block_adds>(kBlocks, kThreads, 0, nullptr, x.read(), part.write(), arrived.write(),
                            y.write());
  }
  return y.values()[0] == 3;
}

/// y = x shifted by a block, in place: what a block overwrites, another has yet to read.
template <bool mended>
__global__ void shift_by_a_block(const float* x, float* y) {
  const int i = blockIdx.x * kThreads + threadIdx.x;
  y[i] = x[(i + kThreads) % (kBlocks * kThreads)];
}

template <bool mended>
bool shifts_by_a_block() {
  constexpr int kSize = kBlocks * kThreads;
  const Array<float> x(counting(kSize)), other(kSize);
  const Array<float>& y = mended ? other : x;
  launch<shift_by_a_block<mended>>(kBlocks, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return (i + kThreads) % kSize; });
}

}  // namespace

std::vector<Bug> block_bugs() {
  constexpr const char* kRace = "nothing orders the blocks of a launch";
  return {
      {"missing_atomic",
       "blocks add to the same elements with +=",
       adds_rows<false>,
       {nullptr, nullptr, kRace},
       adds_rows<true>},
      {"block_reads_block",
       "a block reads what another writes in the same launch",
       stores_and_adds<false>,
       {kWrong, nullptr, kRace},
       stores_and_adds<true>},
      {"tiles_overlap",
       "two blocks write the same value to the same element",
       writes_tiles<false>,
       {nullptr, nullptr, kRace},
       writes_tiles<true>},
      {"last_block_adds",
       "the last block to arrive reads the others' results",
       adds_parts<false>,
       {nullptr, nullptr, kRace},
       adds_parts<true>},
      {"in_place",
       "a block overwrites what another has yet to read",
       shifts_by_a_block<false>,
       {kWrong, nullptr, kRace},
       shifts_by_a_block<true>},
  };
}

}  // namespace tl::simt::bugs
