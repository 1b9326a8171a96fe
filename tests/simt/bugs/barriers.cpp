// __syncthreads: missing, or not reached by all.
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr int kThreads = 64;

template <bool yes>
__device__ void barrier_if() {
  if constexpr (yes) __syncthreads();
}

// ---- missing ------------------------------------------------------------------------------------

/// Right if lower threads go first.
template <bool mended>
__global__ void shift(const float* x, float* y) {
  __shared__ float box[kThreads];
  const int i = threadIdx.x;
  box[i] = x[i];
  barrier_if<mended>();
  y[i] = i > 0 ? box[i - 1] : 0;
}

template <auto kernel, class F>
bool is_right(int size, const F& expected) {
  const Array<float> x(counting(size)), y(kThreads);
  launch<kernel>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), expected);
}

template <bool mended>
bool shifts() {
  return is_right<shift<mended>>(kThreads, [](int i) { return i > 0 ? i - 1 : 0; });
}

/// The tile is filled again while others still read it.
template <bool mended>
__global__ void sum_tiles(const float* x, float* y) {
  __shared__ float tile[kThreads];
  const int i = threadIdx.x;
  float sum = 0;
  for (int t = 0; t < 2; ++t) {
    tile[i] = x[t * kThreads + i];
    __syncthreads();
    sum += tile[(i + 1) % kThreads];
    barrier_if<mended>();
  }
  y[i] = sum;
}

template <bool mended>
bool sums_tiles() {
  return is_right<sum_tiles<mended>>(2 * kThreads,
                                     [](int i) { return 2 * ((i + 1) % kThreads) + kThreads; });
}

template <bool mended>
__global__ void sum_tree(const float* x, float* y) {
  __shared__ float part[kThreads];
  const int i = threadIdx.x;
  part[i] = x[i];
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (i < half) part[i] += part[i + half];
    barrier_if<mended>();
  }
  __syncthreads();
  y[i] = part[0];
}

template <bool mended>
bool sums_tree() {
  return is_right<sum_tree<mended>>(kThreads, [](int) { return kThreads * (kThreads - 1) / 2; });
}

/// A total that all get from thread 0. Called twice, the second call writes what the first reads.
template <bool mended>
__device__ float spread(float value) {
  __shared__ float box;
  if (threadIdx.x == 0) box = value;
  __syncthreads();
  const float result = box;
  barrier_if<mended>();
  return result;
}

template <bool mended>
__global__ void spread_twice(const float* x, float* y) {
  const int i = threadIdx.x;
  const float first = spread<mended>(x[i] + 1);
  y[i] = first + spread<mended>(x[i] + 10);
}

template <bool mended>
bool spreads_twice() {
  return is_right<spread_twice<mended>>(kThreads, [](int) { return 11; });
}

/// Every thread writes the same value: right whatever the order, and still not allowed.
template <bool mended>
__global__ void write_flag(const float* x, float* y) {
  __shared__ float flag;
  if (!mended || threadIdx.x == 0) flag = x[1];
  __syncthreads();
  y[threadIdx.x] = flag;
}

template <bool mended>
bool writes_flag() {
  return is_right<write_flag<mended>>(kThreads, [](int) { return 1; });
}

/// What is read, changed and written is lost if another does the same in between. Here a thread is
/// never interrupted, so that no result shows it.
template <bool mended>
__global__ void count(const float* x, float* y) {
  __shared__ int bins[2];
  const int i = threadIdx.x;
  if (i < 2) bins[i] = 0;
  __syncthreads();
  int* const bin = &bins[static_cast<int>(x[i]) % 2];
  if constexpr (mended) {
    atomicAdd(bin, 1);
  } else {
    ++*bin;
  }
  __syncthreads();
  y[i] = static_cast<float>(bins[i % 2]);
}

template <bool mended>
bool counts() {
  return is_right<count<mended>>(kThreads, [](int) { return kThreads / 2; });
}

// ---- not reached by all -------------------------------------------------------------------------

__global__ void barrier_in_both_branches(const float* x, float* y) {
  const int i = threadIdx.x;
  if (i < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[i] = x[i];
}

__global__ void barrier_in_one_branch(const float* x, float* y) {
  if (threadIdx.x < 32) __syncthreads();
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void return_before_barrier(const float* x, float* y) {
  const int i = threadIdx.x;
  if (i >= kThreads - 1) return;
  __syncthreads();
  y[i] = x[i];
}

/// The upper lanes go to the barrier, the lower ones wait for them in a shuffle.
__global__ void barrier_against_shuffle(const float* x, float* y) {
  const int i = threadIdx.x;
  float value = x[i];
  if (i % 32 < 16) value = __shfl_xor_sync(FULL_WARP, value, 16);
  __syncthreads();
  y[i] = value;
}

/// As often as each thread has something to do, which differs.
__global__ void barrier_in_a_loop_of_its_own(const float* x, float* y) {
  for (int i = threadIdx.x; i < kThreads + 1; i += kThreads) {
    __syncthreads();
    y[i % kThreads] = x[i % kThreads];
  }
}

template <auto kernel>
bool copies() {
  return is_right<kernel>(kThreads, [](int i) { return i; });
}

}  // namespace

std::vector<Bug> barrier_bugs() {
  constexpr const char *kDivergent = "divergent barrier: waits at __syncthreads, barriers.cpp:",
                       *kForEver = "before";
  return {
      {"missing_barrier",
       "none between a store and others' load",
       shifts<false>,
       {kWrong, nullptr, "no barrier and no __syncwarp between them"},
       shifts<true>},
      {"missing_second_barrier",
       "a tile is filled again while others read it",
       sums_tiles<false>,
       {kWrong, nullptr, "race, barriers.cpp:"},
       sums_tiles<true>},
      {"missing_barrier_in_tree",
       "none between the steps of a reduction",
       sums_tree<false>,
       {nullptr, nullptr, "race, barriers.cpp:"},
       sums_tree<true>},
      {"missing_barrier_at_end",
       "a helper's shared variable is used again by its next call",
       spreads_twice<false>,
       {kWrong, nullptr, "race, barriers.cpp:"},
       spreads_twice<true>},
      {"same_value_written",
       "by all threads at once: no result shows it",
       writes_flag<false>,
       {nullptr, nullptr, "that thread (0,0,0) has written"},
       writes_flag<true>},
      {"missing_atomic_in_block",
       "a histogram in shared memory with ++",
       counts<false>,
       {nullptr, nullptr, "race, barriers.cpp:"},
       counts<true>},
      {"barrier_in_both_branches",
       "two barriers, each for half of the threads",
       copies<barrier_in_both_branches>,
       {kDivergent, kDivergent, kDivergent}},
      {"barrier_in_one_branch",
       "reached by half of the threads",
       copies<barrier_in_one_branch>,
       {kForEver, kForEver, kForEver}},
      {"return_before_barrier",
       "a guard that returns",
       copies<return_before_barrier>,
       {kForEver, kForEver, kForEver}},
      {"barrier_against_shuffle",
       "lanes at a barrier, others of their warp in a shuffle",
       copies<barrier_against_shuffle>,
       {"the block is stuck", "the block is stuck", "the block is stuck"}},
      {"barrier_in_loop",
       "a loop that some threads go through once more",
       copies<barrier_in_a_loop_of_its_own>,
       {kForEver, kForEver, kForEver}},
  };
}

}  // namespace tl::simt::bugs
