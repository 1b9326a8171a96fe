// backward_data as matrix products, one for each group of channels and phase of the stride
// (conv2d_gather.cuh says what a phase is):
//
//   dx [rows, columns] = a [rows, depth] * b [depth, columns]
//
//   rows     the phase's pixels of dx                   a[m, k]: the element of dy that meets tap k
//   columns  the group's input channels                 b[k, j]: w[co, r, s, j]
//   depth    the phase's taps * the group's output channels, co fastest
//
// It gathers: every element of dx is written once, by one block, so nothing is added by atomics and
// nothing must be zeroed before.
#pragma once

#include "kernels/cuda/conv2d_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// What a block multiplies, and its shared memory.
template <class Tiles, class T, int vector>
struct BackwardDataBlock {
  using S = typename Tiles::Element;
  static constexpr int kDepth = Tiles::kDepth;
  using LayoutA = TileLayout<S, Tiles::kRows, kDepth, Along::depth>;
  using LayoutB = TileLayout<S, Tiles::kColumns, kDepth, Along::side>;
  using Product = typename Tiles::template Product<LayoutA, LayoutB>;
  using OperandA = GatheredRows<T, vector, Tiles::kRows, kDepth, false>;
  using OperandB = FilterColumns<T, vector, kDepth>;
  static_assert(Product::kThreads == Tiles::kThreads);

  TileBuffers<LayoutA, LayoutB> buffers;
  typename OperandA::Tables tables_a;
  typename OperandB::Tables tables_b;
  std::int64_t row_index[Tiles::kRows];  // of dx; -1: none
};

/// Dx: how dx is stored.
template <class Tiles, class T, class Dx, int vector>
static __global__ void __launch_bounds__(Tiles::kThreads,
                                         (Occupancy<Tiles, vector, false>::kBlocks))
    conv2d_backward_data_tiles(ConvShape shape, bool accumulate, const T* dy, const T* w, Dx* dx,
                               bool packed_dx) {
  using Block = BackwardDataBlock<Tiles, T, vector>;
  constexpr int kDepth = Tiles::kDepth;
  DYNAMIC_SHARED(Block, shared);
  auto& buffers = shared->buffers;
  auto& row_index = shared->row_index;

  const int phases = shape.stride_h * shape.stride_w;
  const int group = static_cast<int>(blockIdx.z) / phases;
  const int phase = static_cast<int>(blockIdx.z) % phases;
  const int first_h = phase / shape.stride_w, first_w = phase % shape.stride_w;
  const Phase h(first_h, shape.h, shape.stride_h, shape.pad_h, shape.dilation_h, shape.kh);
  const Phase across(first_w, shape.w, shape.stride_w, shape.pad_w, shape.dilation_w, shape.kw);
  const Gather gather(shape, group, h, across);
  const int rows = shape.n * h.pixels * across.pixels;
  const int depth = gather.depth();
  const int first_row = first_row_of_block<Tiles>(shape.group_in);
  const int first_column = first_column_of_block<Tiles>(shape.group_in);

  const typename Block::OperandA a{gather, Prologue{}, dy, first_row, rows, &shared->tables_a};
  const typename Block::OperandB b{
      shape,        h,
      across,       w + shape.w_index(group * shape.group_out, 0, 0, 0),
      first_column, &shared->tables_b};
  Stage<typename Block::LayoutA, typename Block::OperandA, Tiles::kThreads> stage_a(a);
  Stage<typename Block::LayoutB, typename Block::OperandB, Tiles::kThreads> stage_b(b);
  typename Block::Product product;
  a.setup();
  for (int i = threadIdx.x; i < Tiles::kRows; i += Tiles::kThreads) {
    const int m = first_row + i;
    std::int64_t index = -1;
    if (m < rows) {
      const int row = first_h + m / across.pixels % h.pixels * shape.stride_h;
      const int column = first_w + m % across.pixels * shape.stride_w;
      index = shape.x_index(m / (h.pixels * across.pixels), row, column, group * shape.group_in);
    }
    row_index[i] = index;
  }
  // A block beyond the end of a phase that is smaller than others has nothing to sum.
  const int steps = first_row < rows ? (depth + kDepth - 1) / kDepth : 0;
  multiply_along_depth(product, stage_a, stage_b, buffers.tiles, steps, [&](int step) {
    a.prepare(step);
    b.prepare(step);
  });
  product.store(buffers.sums);
  __syncthreads();

  for_each_quad<Tiles::kRows, Tiles::kThreads>(
      buffers.sums, [&](int row, int column, float(&sums)[4]) {
        const int j = first_column + column;
        if (row_index[row] < 0 || j >= shape.group_in) return;
        Dx* const to = dx + row_index[row] + j;
        if (packed_dx) {
          if (accumulate) {
            float before[4];
            load_floats(to, before);
            for (int e = 0; e < 4; ++e) sums[e] += before[e];
          }
          store_floats(to, sums);
        } else {
          for (int e = 0; e < min(4, shape.group_in - j); ++e) {
            to[e] = static_cast<Dx>(accumulate ? to[e] + sums[e] : sums[e]);
          }
        }
      });
}

/// The pass on one kind of tile, as a Variant's functions.
template <class Kind>
struct BackwardDataOnTiles {
  /// Of the first phase, which has the most.
  static std::int64_t rows(const Conv2dProblem& p) {
    return p.n * ceil_div(p.h, p.stride_h) * ceil_div(p.w, p.stride_w);
  }
  static std::int64_t columns(const Conv2dProblem& p) { return p.c_in / p.groups; }
  static std::int64_t products(const Conv2dProblem& p) {
    return p.groups * p.stride_h * p.stride_w;
  }

  static bool supports(const Conv2dProblem& p) {
    constexpr std::int64_t kLongestStride = 255;
    return conv2d_supports(p) && p.stride_h <= kLongestStride && p.stride_w <= kLongestStride &&
           fits_grid(rows(p), columns(p), products(p));
  }

  /// Each tap is met in exactly one phase.
  static double cost(const Conv2dProblem& p) {
    return static_cast<double>(p.groups) *
           tile_cost(rows(p), columns(p), p.kh * p.kw * (p.c_out / p.groups));
  }

  static void run(Stream stream, const Conv2dProblem& p, const Conv2dBackwardDataArgs& args) {
    if (p.x_size() == 0) return;
    with_f32_or_bf16("conv2d", p.y_dtype, [&]<class T>(T) {
      if (p.x_dtype == p.y_dtype) {
        choose_tiles<T, T>(stream, p, args);
      } else {
        choose_tiles<T, float>(stream, p, args);
      }
    });
  }

 private:
  template <class T, class Dx>
  static void choose_tiles(Stream stream, const Conv2dProblem& p,
                           const Conv2dBackwardDataArgs& args) {
    constexpr int kVector = Kind::template kVector<T>;
    using Large = typename Kind::template Tiles<T, kLargeRows>;
    using Small = typename Kind::template Tiles<T, kSmallRows>;
    const bool packs = columns(p) % kVector == 0 && p.c_out / p.groups % kVector == 0 &&
                       is_aligned_for<kVector>(args.dy.as<T>()) &&
                       is_aligned_for<kVector>(args.w.as<T>());
    if (!packs) {
      launch_tiles<Small, T, Dx, 1>(stream, p, args);
    } else if (large_tiles(rows(p), columns(p), products(p))) {
      launch_tiles<Large, T, Dx, kVector>(stream, p, args);
    } else {
      launch_tiles<Small, T, Dx, kVector>(stream, p, args);
    }
  }

  template <class Tiles, class T, class Dx, int vector>
  static void launch_tiles(Stream stream, const Conv2dProblem& p,
                           const Conv2dBackwardDataArgs& args) {
    Dx* const dx = args.dx.as<Dx>();
    launch<conv2d_backward_data_tiles<Tiles, T, Dx, vector>>(
        tile_grid<Tiles>(rows(p), columns(p), products(p)), Tiles::kThreads,
        sizeof(BackwardDataBlock<Tiles, T, vector>), native(stream), ConvShape(p), p.accumulate,
        args.dy.as<T>(), args.w.as<T>(), dx, columns(p) % 4 == 0 && is_aligned_for<4>(dx));
  }
};

}  // namespace tl::TL_DEVICE_NAMESPACE
