// cp.async: copies that go on beside the kernel.
#include "tests/simt/bugs/bug.h"

namespace tl::simt::bugs {
namespace {

constexpr int kThreads = 64, kStages = 4;

enum class Fault { none, no_wait, no_commit, waits_for_one_too_few, no_barrier, no_last_barrier };

/// The sum of kStages rows through a double buffer; each thread reads its neighbour's copies.
template <Fault fault>
__global__ void sum_rows(const float* x, float* y) {
  __shared__ float row[2][kThreads];
  const int i = threadIdx.x;
  const auto fetch = [&](int stage) {
    if (stage < kStages) __pipeline_memcpy_async(&row[stage % 2][i], x + stage * kThreads + i, 4);
    if (fault != Fault::no_commit || stage == 0) __pipeline_commit();
  };
  float sum = 0;
  fetch(0);
  for (int stage = 0; stage < kStages; ++stage) {
    fetch(stage + 1);
    if (fault != Fault::no_wait) {
      __pipeline_wait_prior(fault == Fault::waits_for_one_too_few ? 2 : 1);
    }
    if (fault != Fault::no_barrier) __syncthreads();
    sum += row[stage % 2][(i + 1) % kThreads];
    if (fault != Fault::no_last_barrier) __syncthreads();
  }
  y[i] = sum;
}

template <Fault fault>
bool sums_rows() {
  const Array<float> x(counting(kStages * kThreads)), y(kThreads);
  launch<sum_rows<fault>>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) {
    return kStages * ((i + 1) % kThreads) + kThreads * (kStages * (kStages - 1) / 2);
  });
}

template <int offset>
__global__ void copy_four(const float* x, float* y) {
  __shared__ __align__(16) float box[4];
  if (threadIdx.x == 0) {
    __pipeline_memcpy_async(box, x + offset, 16);
    __pipeline_commit();
    __pipeline_wait_prior(0);
  }
  __syncthreads();
  y[threadIdx.x] = box[threadIdx.x % 4];
}

template <int offset>
bool copies_four() {
  const Array<float> x(counting(8)), y(kThreads);
  launch<copy_four<offset>>(1, kThreads, 0, nullptr, x.read(), y.write());
  return equals(y.values(), [](int i) { return i % 4 + offset; });
}

}  // namespace

std::vector<Bug> async_copy_bugs() {
  constexpr const char *kUnwritten = "reads shared memory that nobody has written",
                       *kRace = "race, async_copies.cpp:",
                       *kMisaligned = "not both multiples of it";
  constexpr auto kMended = sums_rows<Fault::none>;
  return {
      {"async_copy_without_wait",
       "the copies are read as soon as asked for",
       sums_rows<Fault::no_wait>,
       {kWrong, kWrong, kUnwritten},
       kMended},
      {"async_copy_without_commit",
       "the wait does not wait for the open group",
       sums_rows<Fault::no_commit>,
       {kWrong, kWrong, kUnwritten},
       kMended},
      {"async_copy_waits_for_one_too_few",
       "the newest group but one is still under way",
       sums_rows<Fault::waits_for_one_too_few>,
       {kWrong, kWrong, kUnwritten},
       kMended},
      {"async_copy_without_barrier",
       "others' copies are read after one's own wait",
       sums_rows<Fault::no_barrier>,
       {kWrong, kWrong, "nobody has written in this block"},
       kMended},
      {"async_copy_into_row_in_use",
       "no barrier before a row is fetched again",
       sums_rows<Fault::no_last_barrier>,
       {kWrong, kWrong, kRace},
       kMended},
      {"async_copy_misaligned",
       "16 bytes from an address that is a multiple of 4 only",
       copies_four<1>,
       {kMisaligned, kMisaligned, kMisaligned},
       copies_four<4>},
  };
}

}  // namespace tl::simt::bugs
