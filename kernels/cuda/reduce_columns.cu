// reduce along an axis that is not the last: "column_tiles". A block has 32 neighbouring columns of
// one o, a lane each, and goes down the axis kRowLanes rows at a time, so that a warp always reads
// whole lines, and few columns of a long axis still have many threads. The row lanes are merged in
// shared memory; of an axis cut into pieces, every piece has a block, and a second kernel merges.
#include "kernels/cuda/install.h"
#include "kernels/cuda/reduce.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kLanes = 32, kRowLanes = 8;

/// What block number `index` of the grid does.
struct Tile {
  std::int64_t o, piece, column;

  __device__ Tile(std::int64_t index, std::int64_t tiles, std::int64_t pieces)
      : o(index / tiles / pieces),
        piece(index / tiles % pieces),
        column(index % tiles * kLanes + threadIdx.x) {}
};

template <ReduceOp op, class T>
__global__ void column_tiles(std::int64_t outer, std::int64_t count, std::int64_t inner,
                             std::int64_t pieces, std::int64_t piece_size, const T* x,
                             ReduceOutput<op, T> output) {
  using R = Reduction<op>;
  __shared__ typename R::Value values[kRowLanes][kLanes];
  const int lane = threadIdx.x, row_lane = threadIdx.y;
  const std::int64_t tiles = (inner + kLanes - 1) / kLanes;
  for (std::int64_t i = blockIdx.x; i < outer * pieces * tiles; i += gridDim.x) {
    const Tile tile(i, tiles, pieces);
    const std::int64_t begin = tile.piece * piece_size, end = min(begin + piece_size, count);
    typename R::Value value{};
    if (tile.column < inner) {
      const T* from = x + tile.o * count * inner + tile.column;
      for (std::int64_t k = begin + row_lane; k < end; k += kRowLanes) {
        value = R::merge(value, R::of(static_cast<float>(from[k * inner]), k));
      }
    }
    values[row_lane][lane] = value;
    __syncthreads();
    for (int half = kRowLanes / 2; half > 0; half /= 2) {
      if (row_lane < half) {
        values[row_lane][lane] = R::merge(values[row_lane][lane], values[row_lane + half][lane]);
      }
      __syncthreads();
    }
    if (row_lane == 0 && tile.column < inner) {
      if (pieces > 1) {
        output.workspace[(tile.o * pieces + tile.piece) * inner + tile.column] = values[0][lane];
      } else {
        output.finish(tile.o * inner + tile.column, values[0][lane]);
      }
    }
    __syncthreads();  // values are free for the next tile
  }
}

std::int64_t strips(const ReduceProblem& p) { return p.outer * ceil_div(p.inner, kLanes); }

ReducePieces pieces_of(const ReduceProblem& p) {
  constexpr std::int64_t kSmallest = 128;  // 16 rows per thread
  return ReducePieces(p.count, strips(p), kRowLanes, kSmallest);
}

void run(Stream stream, const ReduceProblem& p, const ReduceArgs& args) {
  const ReducePieces pieces = pieces_of(p);
  with_reduction(p, args, [&]<ReduceOp op, class T>(const T* x, ReduceOutput<op, T> output) {
    constexpr int kBlock = kLanes * kRowLanes;
    static_assert(kBlock == kThreads, "blocks_for counts blocks of kThreads");
    launch<column_tiles<op, T>>(blocks_for(strips(p) * pieces.number * kBlock),
                                dim3(kLanes, kRowLanes), 0, native(stream), p.outer, p.count,
                                p.inner, pieces.number, pieces.size, x, output);
    launch_merge(stream, p, pieces, output);
  });
}

/// Lanes beyond the last column, and row lanes beyond the end of a short axis, have nothing to do.
double cost(const ReduceProblem& p) {
  constexpr double kBarriers = 16;  // additions that their cost is like
  const double tiles = static_cast<double>(ceil_div(p.inner, kLanes) * kLanes);
  const double inner = static_cast<double>(std::max<std::int64_t>(p.inner, 1));
  const double count = static_cast<double>(std::max<std::int64_t>(p.count, 1));
  const double waste = tiles / inner * std::max(1.0, kRowLanes / count);
  const double threads = kThreads * static_cast<double>(strips(p) * pieces_of(p).number);
  return kBarriers + reduce_cost(p, waste, threads);
}

std::int64_t workspace_bytes(const ReduceProblem& p) { return pieces_bytes(p, pieces_of(p)); }

}  // namespace

void add_reduce_columns(ReduceKernels& kernels) {
  kernels.run.add({.name = "column_tiles",
                   .supports = reduce_supports,
                   .workspace_bytes = workspace_bytes,
                   .run = run,
                   .cost = cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
