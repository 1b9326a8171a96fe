// gemm by large tiles: what "register_tiles", "split_k" and "tensor_*" share. Read tile.cuh and
// product_tiles.cuh first.
//
// A block computes a tile of y. It walks along the depth in steps, with the next step's tiles of
// op(a) and op(b) on their way to shared memory (cp.async) while it multiplies the present ones. A
// matrix is copied the way round that it is stored; what multiplies reads both ways.
#pragma once

#include <type_traits>

#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/gemm.cuh"
#include "kernels/cuda/product_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// A stored matrix as an operand of Stage. Its rows are contiguous: one side each, `length` depths
/// (Along::depth), or one depth each, `length` sides.
template <class T, int vector, Along along, int depth_per_step>
struct MatrixOperand {
  using Element = T;
  using Position = int;  // within the row
  static constexpr int kVector = vector;
  static constexpr bool kTransforms = false;

  const T* data;
  int first, sides;  // the tile's first side, and how many the matrix has
  int begin, end;    // depths
  int length;

  __device__ Position position(int p, int step) const {
    return along == Along::depth ? begin + step * depth_per_step + p : first + p;
  }
  __device__ const T* source(int line, Position position, int step) const {
    const int row = along == Along::depth ? first + line : begin + step * depth_per_step + line;
    const bool inside =
        along == Along::depth ? row < sides && position < end : row < end && position < sides;
    return inside ? data + static_cast<std::int64_t>(row) * length + position : nullptr;
  }
  __device__ const T* base() const { return data; }
};

/// Packs that are converted wait in registers, and two tiles along the depth need the most of them.
template <class Tiles, class T, int vector, bool both_along_depth>
using GemmOccupancy =
    Occupancy<Tiles, vector, both_along_depth && !std::is_same_v<T, typename Tiles::Element>>;

/// Depths [blockIdx.y * depth_per_block, + depth_per_block) of matrix blockIdx.z. With more than
/// one block along the depth, y holds a whole batch of partial products for each.
template <class Tiles, class T, class Y, int vector, bool trans_a, bool trans_b>
static __global__ void __launch_bounds__(
    Tiles::kThreads, GemmOccupancy<Tiles, T, vector, !trans_a && trans_b>::kBlocks)
    gemm_tiles(GemmShape shape, GemmBuffers<T, Y> matrices, int depth_per_block, bool packed_y) {
  using S = typename Tiles::Element;
  constexpr int kDepth = Tiles::kDepth;
  constexpr Along kAlongA = trans_a ? Along::side : Along::depth;
  constexpr Along kAlongB = trans_b ? Along::depth : Along::side;
  using LayoutA = TileLayout<S, Tiles::kRows, kDepth, kAlongA>;
  using LayoutB = TileLayout<S, Tiles::kColumns, kDepth, kAlongB>;
  using Product = typename Tiles::template Product<LayoutA, LayoutB>;
  using OperandA = MatrixOperand<T, vector, kAlongA, kDepth>;
  using OperandB = MatrixOperand<T, vector, kAlongB, kDepth>;
  static_assert(Product::kThreads == Tiles::kThreads);
  __shared__ TileBuffers<LayoutA, LayoutB> buffers;

  const int first_row = first_row_of_block<Tiles>(shape.n);
  const int first_column = first_column_of_block<Tiles>(shape.n);
  const int begin = static_cast<int>(blockIdx.y) * depth_per_block;
  const int end = min(shape.k - begin, depth_per_block) + begin;
  Stage<LayoutA, OperandA, Tiles::kThreads> stage_a({matrices.a + blockIdx.z * shape.a_size(),
                                                     first_row, shape.m, begin, end,
                                                     trans_a ? shape.m : shape.k});
  Stage<LayoutB, OperandB, Tiles::kThreads> stage_b({matrices.b + blockIdx.z * shape.b_size(),
                                                     first_column, shape.n, begin, end,
                                                     trans_b ? shape.k : shape.n});
  Product product;
  multiply_along_depth(product, stage_a, stage_b, buffers.tiles,
                       (end - begin + kDepth - 1) / kDepth, [](int) {});
  product.store(buffers.sums);
  __syncthreads();

  Y* const y = matrices.y +
               (static_cast<std::int64_t>(blockIdx.y) * gridDim.z + blockIdx.z) * shape.y_size();
  for_each_quad<Tiles::kRows, Tiles::kThreads>(
      buffers.sums, [&](int row, int column, float(&sums)[4]) {
        const int i = first_row + row, j = first_column + column;
        if (i >= shape.m || j >= shape.n) return;
        const int count = min(4, shape.n - j);
        if (matrices.bias) {
#pragma unroll
          for (int e = 0; e < 4; ++e) sums[e] += e < count ? matrices.bias[j + e] : 0;
        }
        Y* const to = y + static_cast<std::int64_t>(i) * shape.n + j;
        if (packed_y) {
          store_floats(to, sums);
        } else {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            if (e < count) to[e] = static_cast<Y>(sums[e]);
          }
        }
      });
}

/// Launches gemm_tiles for the matrices of one slice, with `splits` blocks along the depth.
template <class Tiles, int vector, class T, class Y>
void launch_gemm_tiles(Stream stream, const GemmProblem& p, unsigned batch,
                       const GemmBuffers<T, Y>& matrices, std::int64_t splits,
                       std::int64_t depth_per_block) {
  dim3 grid = tile_grid<Tiles>(p.m, p.n, batch);
  grid.y = static_cast<unsigned>(splits);
  const bool packed_y = p.n % 4 == 0 && is_aligned_for<4>(matrices.y);
  with_transposes(p, [&](auto trans_a, auto trans_b) {
    launch<gemm_tiles<Tiles, T, Y, vector, trans_a(), trans_b()>>(
        grid, Tiles::kThreads, 0, native(stream), GemmShape(p), matrices,
        static_cast<int>(depth_per_block), packed_y);
  });
}

/// Whether packs of so many elements never leave a row of either matrix, and are aligned.
template <int vector, class T, class Y>
bool gemm_takes_packs(const GemmProblem& p, const GemmBuffers<T, Y>& matrices) {
  return (p.trans_a ? p.m : p.k) % vector == 0 && (p.trans_b ? p.k : p.n) % vector == 0 &&
         is_aligned_for<vector>(matrices.a) && is_aligned_for<vector>(matrices.b);
}

inline bool gemm_fits_grid(const GemmProblem& p) { return fits_grid(p.m, p.n, 1); }

/// A product in tiles of the given kind, each tile by one block, as a Variant's run.
template <class Kind, class T>
void run_gemm_tiles(Stream stream, const GemmProblem& p, const GemmArgs& args) {
  constexpr int kVector = Kind::template kVector<T>;
  using Large = typename Kind::template Tiles<T, kLargeRows>;
  using Small = typename Kind::template Tiles<T, kSmallRows>;
  for_each_slice<T>(p, args, [&](unsigned batch, const GemmBuffers<T>& matrices) {
    const std::int64_t depth = std::max<std::int64_t>(p.k, 1);
    if (!gemm_takes_packs<kVector>(p, matrices)) {
      launch_gemm_tiles<Small, 1>(stream, p, batch, matrices, 1, depth);
    } else if (large_tiles(p.m, p.n, batch)) {
      launch_gemm_tiles<Large, kVector>(stream, p, batch, matrices, 1, depth);
    } else {
      launch_gemm_tiles<Small, kVector>(stream, p, batch, matrices, 1, depth);
    }
  });
}

/// What a GPU could have done meanwhile, in multiply-adds, if each of these many small tiles takes
/// `depth` and a multiprocessor without one stands idle.
inline double gemm_tile_cost(std::int64_t tiles, std::int64_t depth) {
  constexpr std::int64_t kMultiprocessors = 132;  // H100
  return static_cast<double>(std::max(tiles, kMultiprocessors)) *
         tile_cost(kSmallRows, kTileColumns, depth);
}
inline std::int64_t gemm_small_tiles(const GemmProblem& p) {
  return ceil_div(p.m, kSmallRows) * ceil_div(p.n, kTileColumns);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
