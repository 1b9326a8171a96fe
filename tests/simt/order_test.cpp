// The order of threads and blocks.
#include <algorithm>
#include <numeric>

#include "tests/simt/support.h"

namespace tl::simt {
namespace {

/// y[k] = the thread that came k-th, counted over the whole grid; then again after a barrier.
__global__ void arrivals(int* count, int* y) {
  const int threads = blockDim.x, me = blockIdx.x * threads + threadIdx.x;
  y[atomicAdd(count, 1)] = me;
  __syncthreads();
  y[atomicAdd(count, 1)] = me;
}

std::vector<int> arrivals_in(const char* order_text, unsigned blocks, unsigned threads) {
  const UseOrder order(parse_order(order_text));
  const Buffer<int> count(std::vector<int>{0}), y(2 * blocks * threads);
  launch<arrivals>(blocks, threads, 0, nullptr, static_cast<int*>(count), static_cast<int*>(y));
  return y.read();
}

}  // namespace

TEST_CASE("simt: forward and reverse order, before and after a barrier") {
  CHECK(arrivals_in("forward", 2, 3) == std::vector<int>{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5});
  CHECK(arrivals_in("reverse", 2, 3) == std::vector<int>{5, 4, 3, 5, 4, 3, 2, 1, 0, 2, 1, 0});
}

TEST_CASE("simt: random order reaches every thread of every block and depends on the seed alone") {
  const std::vector<int> first = arrivals_in("random:1", 5, 40);
  CHECK(first == arrivals_in("random:1", 5, 40));
  CHECK(first == arrivals_in("random", 5, 40));
  CHECK(first != arrivals_in("random:2", 5, 40));
  std::vector<int> sorted = first, expected(400);
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i < 400; ++i) expected[i] = i / 2;
  CHECK(sorted == expected);
  // A new permutation after the barrier.
  CHECK_FALSE(std::equal(first.begin(), first.begin() + 40, first.begin() + 40));
}

TEST_CASE("simt: every number of blocks has a random order") {
  for (std::uint64_t blocks = 1; blocks < 50; ++blocks) {
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
      Schedule schedule({ThreadOrder::random, seed});
      schedule.start_grid(blocks);
      std::vector<int> visits(blocks);
      for (std::uint64_t i = 0; i < blocks; ++i) ++visits[schedule.block_at(i)];
      CHECK(visits == std::vector<int>(blocks, 1));
    }
  }
}

TEST_CASE("simt: an order that is none is an error") {
  for (const char* text : {"", "backward", "random:", "random:x", "random:-1", "random:1 "}) {
    const std::string error = error_of([&] { parse_order(text); });
    CHECK(error ==
          concat("TL_SIMT_ORDER: expected forward, reverse or random:SEED, got '", text, "'"));
  }
}

}  // namespace tl::simt
