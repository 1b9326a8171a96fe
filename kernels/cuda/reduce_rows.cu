// reduce along the last axis: x [outer, count], whose rows are contiguous.
//
//   warp_per_row     the lanes of a warp read neighbours, in packs where rows are aligned for them,
//                    where one thread per row would have used a few bytes of each line; the lanes'
//                    values are merged by shuffles.
//   block_per_row    a block per row, or per piece of one: long rows, and few of them, still use
//                    the whole GPU. A second kernel merges the pieces.
#include "kernels/cuda/install.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kWarps = kThreads / 32;

/// x[begin] ... x[end - 1] as thread `thread` of `threads` sees them: every threads-th pack of N.
template <int N, class R, class T>
__device__ typename R::Value collect(const T* x, std::int64_t begin, std::int64_t end, int thread,
                                     int threads) {
  typename R::Value value{};
  for (std::int64_t k = begin + thread * N; k < end; k += threads * N) {
    float pack[N];
    load_floats(x + k, pack);
#pragma unroll
    for (int n = 0; n < N; ++n) value = R::merge(value, R::of(pack[n], k + n));
  }
  return value;
}

template <int N, ReduceOp op, class T>
__global__ void warp_per_row(std::int64_t rows, std::int64_t count, const T* x,
                             ReduceOutput<op, T> output) {
  using R = Reduction<op>;
  const int lane = threadIdx.x % 32;
  std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  for (; row < rows; row += static_cast<std::int64_t>(gridDim.x) * kWarps) {
    const auto value = warp_reduce(collect<N, R>(x + row * count, 0, count, lane, 32), R::merge);
    if (lane == 0) output.finish(row, value);
  }
}

template <int N, ReduceOp op, class T>
__global__ void block_per_row(std::int64_t rows, std::int64_t count, std::int64_t pieces,
                              std::int64_t piece_size, const T* x, ReduceOutput<op, T> output) {
  using R = Reduction<op>;
  for (std::int64_t i = blockIdx.x; i < rows * pieces; i += gridDim.x) {
    const std::int64_t row = i / pieces, begin = i % pieces * piece_size;
    const auto value =
        block_reduce<kThreads>(collect<N, R>(x + row * count, begin, min(begin + piece_size, count),
                                             threadIdx.x, kThreads),
                               R::merge);
    if (threadIdx.x != 0) continue;
    if (pieces > 1) {
      output.workspace[i] = value;
    } else {
      output.finish(row, value);
    }
  }
}

/// Calls f.operator()<N>() with the packs that rows of `count` elements at `x` can be read in.
template <class T, class F>
void with_pack(const T* x, std::int64_t count, const F& f) {
  if (count % kVectorOf<T> == 0 && is_aligned_for<kVectorOf<T>>(x)) {
    f.template operator()<kVectorOf<T>>();
  } else {
    f.template operator()<1>();
  }
}

bool supports(const ReduceProblem& p) { return reduce_supports(p) && p.inner == 1; }

void run_warps(Stream stream, const ReduceProblem& p, const ReduceArgs& args) {
  with_reduction(p, args, [&]<ReduceOp op, class T>(const T* x, ReduceOutput<op, T> output) {
    with_pack(x, p.count, [&]<int N>() {
      launch<warp_per_row<N, op, T>>(blocks_for(p.outer * 32), kThreads, 0, native(stream), p.outer,
                                     p.count, x, output);
    });
  });
}

/// Lanes beyond the end of a short row have nothing to do.
double warp_cost(const ReduceProblem& p) {
  const double count = static_cast<double>(std::max<std::int64_t>(p.count, 1));
  return reduce_cost(p, std::max(1.0, 32 / count), 32 * static_cast<double>(p.outer));
}

ReducePieces pieces_of(const ReduceProblem& p) {
  constexpr std::int64_t kSmallest = 4096;  // 16 elements per thread
  return ReducePieces(p.count, p.outer, kThreads, kSmallest);
}

void run_blocks(Stream stream, const ReduceProblem& p, const ReduceArgs& args) {
  const ReducePieces pieces = pieces_of(p);
  with_reduction(p, args, [&]<ReduceOp op, class T>(const T* x, ReduceOutput<op, T> output) {
    with_pack(x, p.count, [&]<int N>() {
      launch<block_per_row<N, op, T>>(blocks_for(p.outer * pieces.number * kThreads), kThreads, 0,
                                      native(stream), p.outer, p.count, pieces.number, pieces.size,
                                      x, output);
    });
    launch_merge(stream, p, pieces, output);
  });
}

double block_cost(const ReduceProblem& p) {
  constexpr double kBarriers = 16;  // additions that their cost is like
  const double count = static_cast<double>(std::max<std::int64_t>(p.count, 1));
  const double threads = kThreads * static_cast<double>(p.outer * pieces_of(p).number);
  return kBarriers + reduce_cost(p, std::max(1.0, kThreads / count), threads);
}

std::int64_t workspace_bytes(const ReduceProblem& p) { return pieces_bytes(p, pieces_of(p)); }

}  // namespace

void add_reduce_rows(ReduceKernels& kernels) {
  kernels.run.add(
      {.name = "warp_per_row", .supports = supports, .run = run_warps, .cost = warp_cost});
  kernels.run.add({.name = "block_per_row",
                   .supports = supports,
                   .workspace_bytes = workspace_bytes,
                   .run = run_blocks,
                   .cost = block_cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
