// What the kernels in tiles share, of gemm and of conv2d: how large their tiles are and what
// multiplies them (RegisterTiles, TensorTiles), the loop over the depth, how sums get out of it,
// and the grid. Read tile.cuh first. gemm_tiles.cuh is the plainest kernel over such a description.
#pragma once

#include <algorithm>
#include <limits>

#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/register_product.cuh"
#include "kernels/cuda/tensor_product.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// 8x8 sums per thread; bf16 becomes f32 on the way into shared memory.
template <int rows>
struct RegisterTiles {
  using Element = float;
  static constexpr int kRows = rows, kColumns = 64, kDepth = 16;
  static constexpr int kThreads = kRows * kColumns / 64;
  template <class LayoutA, class LayoutB>
  using Product = RegisterProduct<LayoutA, LayoutB>;
};

/// Tensor cores on S: BFloat16, or float rounded to TF32.
template <class S, int rows>
struct TensorTiles {
  using Element = S;
  static constexpr int kRows = rows, kColumns = 64, kDepth = 64 / static_cast<int>(sizeof(S));
  static constexpr int kThreads = kRows;
  template <class LayoutA, class LayoutB>
  using Product = TensorProduct<LayoutA, LayoutB>;
};

/// Threads per multiprocessor that a kernel is compiled for: 384 with 168 registers each, or 256
/// with 255 where loading is more than copying packs.
template <class Tiles, int vector, bool transforms>
struct Occupancy {
  static constexpr int kBlocks = (vector > 1 && !transforms ? 384 : 256) / Tiles::kThreads;
};

/// Kinds of tile that a pass chooses from. kVector<T>: elements per load where channels allow it.
struct RegisterKind {
  template <class T, int rows>
  using Tiles = RegisterTiles<rows>;
  template <class T>
  static constexpr int kVector = 4;
};
struct TensorKind {
  template <class T, int rows>
  using Tiles = TensorTiles<T, rows>;
  template <class T>
  static constexpr int kVector = kVectorOf<T>;
};

inline constexpr int kLargeRows = 128, kSmallRows = 64, kTileColumns = 64;

/// The product of all steps' tiles. `prepare(step)` fills the tables that the stages read, if any.
template <class Product, class StageA, class StageB, class Tiles, class Prepare>
__device__ void multiply_along_depth(Product& product, StageA& a, StageB& b, Tiles& tiles,
                                     int steps, const Prepare& prepare) {
  prepare(0);
  __syncthreads();
  if (steps > 0) {
    a.begin(0, tiles.a[0]);
    b.begin(0, tiles.b[0]);
    prepare(1);
    a.finish(0, tiles.a[0]);
    b.finish(0, tiles.b[0]);
  }
  for (int step = 0; step < steps; ++step) {
    const int now = step % 2, next = 1 - now;
    __syncthreads();  // `now` is filled, `next` is read no more; so are their tables
    const bool more = step + 1 < steps;
    if (more) {
      a.begin(step + 1, tiles.a[next]);
      b.begin(step + 1, tiles.b[next]);
    }
    product.multiply(tiles.a[now], tiles.b[now]);
    if (more) {
      a.finish(step + 1, tiles.a[next]);
      b.finish(step + 1, tiles.b[next]);
      prepare(step + 2);
    }
  }
  __syncthreads();  // the tiles' memory is free
}

/// Calls f(row, column, sums of four neighbouring columns) for the whole tile, each thread always
/// with the same columns.
template <int rows, int threads, int pitch, class F>
__device__ void for_each_quad(const float (*sums)[pitch], const F& f) {
  constexpr int kQuads = kTileColumns / 4;
  static_assert(threads % kQuads == 0);
#pragma unroll 4
  for (int i = threadIdx.x; i < rows * kQuads; i += threads) {
    const int row = i / kQuads, column = i % kQuads * 4;
    float quad[4];
    load_floats(&sums[row][column], quad);
    f(row, column, quad);
  }
}

/// Tiles of 128 rows unless their number would leave most of a GPU idle, or half of each empty. By
/// shape alone: the choice must not differ between GPUs.
inline bool large_tiles(std::int64_t rows, std::int64_t columns, std::int64_t products) {
  constexpr std::int64_t kEnoughBlocks = 264;  // two for each multiprocessor of an H100
  return rows > kSmallRows &&
         ceil_div(rows, kLargeRows) * ceil_div(columns, kTileColumns) * products >= kEnoughBlocks;
}

/// Whether a grid of all tiles of `products` matrix products can be launched.
inline bool fits_grid(std::int64_t rows, std::int64_t columns, std::int64_t products) {
  constexpr std::int64_t kMaxProducts = 65535;  // of the grid's z
  return products <= kMaxProducts && ceil_div(rows, kSmallRows) * ceil_div(columns, kTileColumns) <=
                                         std::numeric_limits<int>::max();
}

/// Blocks of one column of tiles follow each other: they read the same rows of a.
template <class Tiles>
dim3 tile_grid(std::int64_t rows, std::int64_t columns, std::int64_t products) {
  return dim3(
      static_cast<unsigned>(ceil_div(rows, Tiles::kRows) * ceil_div(columns, Tiles::kColumns)), 1,
      static_cast<unsigned>(products));
}
template <class Tiles>
__device__ int first_column_of_block(int columns) {
  const int across = (columns + Tiles::kColumns - 1) / Tiles::kColumns;
  return static_cast<int>(blockIdx.x) % across * Tiles::kColumns;
}
template <class Tiles>
__device__ int first_row_of_block(int columns) {
  const int across = (columns + Tiles::kColumns - 1) / Tiles::kColumns;
  return static_cast<int>(blockIdx.x) / across * Tiles::kRows;
}

/// Multiply-adds of whole tiles, however little of them is needed.
inline double tile_cost(std::int64_t rows, std::int64_t columns, std::int64_t depth) {
  constexpr std::int64_t kDepth = 16;
  return static_cast<double>(ceil_div(rows, kSmallRows) * kSmallRows) *
         static_cast<double>(ceil_div(columns, kTileColumns) * kTileColumns) *
         static_cast<double>(ceil_div(depth, kDepth) * kDepth);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
