// __syncthreads and its voting forms.
#include <numeric>

#include "tests/simt/support.h"

namespace tl::simt {
namespace {

/// The classic tree: needs every barrier.
__global__ void sum_block(const int* x, int* sum) {
  __shared__ int partial[256];
  const int i = threadIdx.x;
  partial[i] = x[blockIdx.x * blockDim.x + i];
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (i < half) partial[i] += partial[i + half];
    __syncthreads();
  }
  if (i == 0) sum[blockIdx.x] = partial[0];
}

__global__ void vote_block(int threshold, int* count, int* any, int* all) {
  const int i = threadIdx.x;
  count[i] = __syncthreads_count(i < threshold);
  any[i] = __syncthreads_or(i < threshold);
  all[i] = __syncthreads_and(i < threshold);
}

/// Rotates through shared memory: after n rounds every value has moved n places.
__global__ void rotate(int rounds, int* y) {
  __shared__ int ring[96];
  const int i = threadIdx.x;
  ring[i] = i;
  for (int round = 0; round < rounds; ++round) {
    __syncthreads();
    const int next = ring[(i + 1) % 96];
    __syncthreads();
    ring[i] = next;
  }
  y[i] = ring[i];
}

}  // namespace

TEST_CASE("simt: __syncthreads lets no thread run ahead, in any order") {
  std::vector<int> x(4 * 256);
  std::iota(x.begin(), x.end(), 0);
  const Buffer<int> in(x), sums(4), turned(96);
  for_each_order([&] {
    launch<sum_block>(4, 256, 0, nullptr, static_cast<const int*>(in), static_cast<int*>(sums));
    CHECK(sums.read() == std::vector<int>{32640, 98176, 163712, 229248});
    launch<rotate>(1, 96, 0, nullptr, 100, static_cast<int*>(turned));
    CHECK(turned.read()[0] == 4);
    CHECK(turned.read()[95] == 3);
  });
}

TEST_CASE("simt: the voting barriers count every thread of a block that fills no warp") {
  const int threads = 45;
  const Buffer<int> count(threads), any(threads), all(threads);
  for (int threshold : {0, 1, 44, 45}) {
    launch<vote_block>(1, threads, 0, nullptr, threshold, static_cast<int*>(count),
                       static_cast<int*>(any), static_cast<int*>(all));
    CHECK(count.read() == std::vector<int>(threads, threshold));
    CHECK(any.read() == std::vector<int>(threads, threshold > 0));
    CHECK(all.read() == std::vector<int>(threads, threshold == threads));
  }
}

TEST_CASE("simt: a barrier outside a kernel is an error") {
  CHECK(error_of([] { __syncthreads(); }) == "__syncthreads: called outside a kernel");
}

}  // namespace tl::simt
