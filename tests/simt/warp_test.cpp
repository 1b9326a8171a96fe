// Shuffles, votes and __syncwarp.
#include <functional>

#include "tests/simt/support.h"

namespace tl::simt {
namespace {

struct Shuffles {
  int *plain, *up, *down, *exchange;
};

__global__ void shuffle_all(int source, int distance, int width, Shuffles y) {
  const int i = threadIdx.x;
  y.plain[i] = __shfl_sync(~0u, i, source, width);
  y.up[i] = __shfl_up_sync(~0u, i, static_cast<unsigned>(distance), width);
  y.down[i] = __shfl_down_sync(~0u, i, static_cast<unsigned>(distance), width);
  y.exchange[i] = __shfl_xor_sync(~0u, i, distance, width);
}

/// What the programming guide says about each, in terms of the lane and its segment of `width`.
int expected_plain(int i, int source, int width) {
  return i / width * width + (source % width + width) % width;
}
int expected_up(int i, int distance, int width) { return i % width >= distance ? i - distance : i; }
int expected_down(int i, int distance, int width) {
  return i % width + distance < width ? i + distance : i;
}
int expected_exchange(int i, int mask, int width) {
  const int source = i % 32 ^ mask;
  return source < i % 32 / width * width + width ? i / 32 * 32 + source : i;
}

__global__ void sum_warp(const double* x, double* y) {
  double sum = x[threadIdx.x];
  for (int delta = 16; delta > 0; delta /= 2) sum += __shfl_down_sync(~0u, sum, delta);
  if (threadIdx.x % 32 == 0) y[threadIdx.x / 32] = sum;
}

/// Each half of a warp votes for itself; the lanes of the last, incomplete warp too.
__global__ void vote_lanes(unsigned* ballot, int* any, int* all) {
  const int i = threadIdx.x;
  const unsigned half = i % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  ballot[i] = __ballot_sync(half, i % 3 == 0);
  any[i] = __any_sync(half, i == 5);
  all[i] = __all_sync(half, i < 40);
}

/// Neighbours exchange through shared memory, lane 31 of each warp excepted.
__global__ void exchange_neighbours(int* y) {
  __shared__ int box[64];
  const int i = threadIdx.x;
  box[i] = 10 * i;
  __syncwarp();
  y[i] = box[i ^ 1];
}

__global__ void diverge_and_meet(int* y) {
  const int i = threadIdx.x;
  int value = 0;
  if (i < 8) {
    value = __shfl_sync(0x000000ffu, i, 7);
  } else {
    value = __shfl_sync(0xffffff00u, i, 8);
  }
  y[i] = value;
}

__global__ void half_width(int width, int* y) { y[threadIdx.x] = __shfl_sync(~0u, 1, 0, width); }

__global__ void foreign_mask(int* y) { y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 0); }

__global__ void from_outside_mask(int* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 20);
}

}  // namespace

TEST_CASE("simt: shuffles agree with their definition for every width, in every order") {
  const int threads = 64;
  const Buffer<int> plain(threads), up(threads), down(threads), exchange(threads);
  for_each_order([&] {
    for (int width : {1, 2, 8, 32}) {
      for (int distance : {0, 1, 5, 16, 31}) {
        launch<shuffle_all>(1, threads, 0, nullptr, distance, distance, width,
                            Shuffles{plain, up, down, exchange});
        for (int i = 0; i < threads; ++i) {
          CAPTURE(i);
          CHECK(plain.read()[i] == expected_plain(i, distance, width));
          CHECK(up.read()[i] == expected_up(i, distance, width));
          CHECK(down.read()[i] == expected_down(i, distance, width));
          CHECK(exchange.read()[i] == expected_exchange(i, distance, width));
        }
      }
    }
  });
}

TEST_CASE("simt: a sum by shuffles of 8-byte values") {
  const Buffer<double> x(std::vector<double>(64, 0.5)), y(2);
  launch<sum_warp>(1, 64, 0, nullptr, static_cast<const double*>(x), static_cast<double*>(y));
  CHECK(y.read() == std::vector<double>{16, 16});
}

TEST_CASE("simt: votes of the lanes in the mask") {
  const int threads = 40;  // 8 lanes in the second warp
  const Buffer<unsigned> ballot(threads);
  const Buffer<int> any(threads), all(threads);
  launch<vote_lanes>(1, threads, 0, nullptr, static_cast<unsigned*>(ballot), static_cast<int*>(any),
                     static_cast<int*>(all));
  const auto bits = [](int first, int count) {
    unsigned set = 0;
    for (int i = first; i < first + count; ++i) {
      if (i % 3 == 0) set |= 1u << i % 32;
    }
    return set;
  };
  CHECK(ballot.read()[0] == bits(0, 16));
  CHECK(ballot.read()[31] == bits(16, 16));
  CHECK(ballot.read()[39] == bits(32, 8));
  CHECK(any.read()[15] == 1);
  CHECK(any.read()[16] == 0);
  CHECK(all.read() == std::vector<int>(threads, 1));
}

TEST_CASE("simt: __syncwarp orders the shared memory of a warp") {
  const Buffer<int> y(64);
  for_each_order([&] {
    launch<exchange_neighbours>(1, 64, 0, nullptr, static_cast<int*>(y));
    CHECK(y.read()[6] == 70);
    CHECK(y.read()[63] == 620);
  });
}

TEST_CASE("simt: two branches of a warp shuffle apart") {
  const Buffer<int> y(32);
  for_each_order([&] {
    launch<diverge_and_meet>(1, 32, 0, nullptr, static_cast<int*>(y));
    CHECK(y.read()[0] == 7);
    CHECK(y.read()[31] == 8);
  });
}

TEST_CASE("simt: what a shuffle refuses") {
  const UseOrder forward({ThreadOrder::forward});
  const Buffer<int> y(32);
  const std::string width =
      error_of([&] { launch<half_width>(1, 32, 0, nullptr, 12, static_cast<int*>(y)); });
  CHECK(contains(width, "half_width: block (0,0,0) thread (0,0,0) calls __shfl_sync"));
  CHECK(contains(width, "width 12, not a power of two"));

  const std::string mask =
      error_of([&] { launch<foreign_mask>(1, 32, 0, nullptr, static_cast<int*>(y)); });
  CHECK(contains(mask, "foreign_mask: block (0,0,0) thread (16,0,0)"));
  CHECK(contains(mask, "mask 0xffff does not contain the calling lane 16"));

  const std::string source =
      error_of([&] { launch<from_outside_mask>(1, 32, 0, nullptr, static_cast<int*>(y)); });
  CHECK(contains(source, "wants the value of lane 20, which is not in the mask"));
}

}  // namespace tl::simt
