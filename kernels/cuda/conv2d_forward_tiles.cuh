// Forward as a matrix product whose left matrix is never stored ("implicit gemm").
//
//   y [rows, columns] = a [rows, depth] * b [depth, columns]      for each group of channels
//
//   rows     n * out_h * out_w, the pixels of y          a[m, k]: what pixel m sees at tap k
//   columns  the group's output channels                 b[k, j]: the filters
//   depth    kh * kw * the group's input channels, in the filters' own order: ci fastest
//
// A block computes a tile of y. It walks over the depth in steps: it gathers a tile of a from x and
// one of b from w into shared memory and multiplies them there. So an operand comes from global
// memory once per tile, not once per product. At the end the sums go through shared memory too, so
// that y and the residual are written and read in packs, whole lines at a time. While y is in
// registers its sums over channels are taken too, if they are asked for: one part per tile, added
// up in order by a second kernel, so that nobody reads y again.
#pragma once

#include "kernels/cuda/conv2d_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// One thread's share of the sums over channels of a tile: always the same four columns.
struct QuadSums {
  float sum[4] = {}, sum_sq[4] = {};

  __device__ void add(int e, float y) {
    sum[e] += y;
    sum_sq[e] += y * y;
  }
};

/// Adds up what the threads of a block have of each column, in order, and leaves it in part
/// [columns]. `lines` is shared memory.
template <int threads, int pitch>
__device__ void leave_channel_sums(const QuadSums& mine, float (*lines)[pitch], int columns,
                                   ChannelSum* part) {
  constexpr int kQuads = kTileColumns / 4, kLanes = threads / kQuads;
  static_assert(threads >= kTileColumns);
  const int thread = threadIdx.x, lane = thread / kQuads;
  __syncthreads();  // the sums that lay here have been read
  store_floats(&lines[lane][thread % kQuads * 4], mine.sum);
  store_floats(&lines[kLanes + lane][thread % kQuads * 4], mine.sum_sq);
  __syncthreads();
  if (thread >= min(columns, kTileColumns)) return;
  ChannelSum total{};
  for (int i = 0; i < kLanes; ++i) {
    total.sum += lines[i][thread];
    total.sum_sq += lines[kLanes + i][thread];
  }
  part[thread] = total;
}

/// What a block multiplies, and its shared memory.
template <class Tiles, class T, int vector, bool with_prologue>
struct ForwardBlock {
  using S = typename Tiles::Element;
  static constexpr int kDepth = Tiles::kDepth;
  using LayoutA = TileLayout<S, Tiles::kRows, kDepth, Along::depth>;
  using LayoutB = TileLayout<S, Tiles::kColumns, kDepth, Along::depth>;
  using Product = typename Tiles::template Product<LayoutA, LayoutB>;
  using OperandA = GatheredRows<T, vector, Tiles::kRows, kDepth, with_prologue>;
  using OperandB = FilterRows<T, vector, kDepth>;
  static_assert(Product::kThreads == Tiles::kThreads);

  TileBuffers<LayoutA, LayoutB> buffers;
  typename OperandA::Tables tables;
};

/// `parts` [tiles of rows][c_out]: the sums over channels of each tile; nullptr: not wanted.
template <class Tiles, class T, int vector, bool with_prologue>
static __global__ void __launch_bounds__(Tiles::kThreads,
                                         (Occupancy<Tiles, vector, with_prologue>::kBlocks))
    conv2d_forward_tiles(ConvShape shape, Prologue prologue, Epilogue<T> epilogue, const T* x,
                         const T* w, T* y, bool packed_y, ChannelSum* parts) {
  using Block = ForwardBlock<Tiles, T, vector, with_prologue>;
  constexpr int kDepth = Tiles::kDepth;
  DYNAMIC_SHARED(Block, shared);
  auto& buffers = shared->buffers;

  const int group = blockIdx.z;
  const int rows = shape.n * shape.out_h * shape.out_w;
  const int first_row = first_row_of_block<Tiles>(shape.group_out);
  const int first_column = first_column_of_block<Tiles>(shape.group_out);
  const Gather gather(shape, group);
  const int depth = gather.depth();

  const typename Block::OperandA a{gather, prologue, x, first_row, rows, &shared->tables};
  const typename Block::OperandB b{w + static_cast<std::int64_t>(group) * shape.group_out * depth,
                                   first_column, shape.group_out, depth};
  Stage<typename Block::LayoutA, typename Block::OperandA, Tiles::kThreads> stage_a(a);
  Stage<typename Block::LayoutB, typename Block::OperandB, Tiles::kThreads> stage_b(b);
  typename Block::Product product;
  a.setup();
  multiply_along_depth(product, stage_a, stage_b, buffers.tiles, (depth + kDepth - 1) / kDepth,
                       [&](int step) { a.prepare(step); });
  product.store(buffers.sums);
  __syncthreads();

  QuadSums quad_sums;
  for_each_quad<Tiles::kRows, Tiles::kThreads>(
      buffers.sums, [&](int row, int column, float(&sums)[4]) {
        const int m = first_row + row, j = first_column + column;
        if (m >= rows || j >= shape.group_out) return;
        const int channel = group * shape.group_out + j;
        const std::int64_t i = static_cast<std::int64_t>(m) * shape.c_out + channel;
        if (packed_y) {
          epilogue.apply(sums, i, channel);
          store_floats(y + i, sums);
#pragma unroll
          for (int e = 0; e < 4; ++e) quad_sums.add(e, static_cast<T>(sums[e]));
        } else {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            if (j + e >= shape.group_out) break;
            y[i + e] = static_cast<T>(epilogue(sums[e], i + e, channel + e));
            quad_sums.add(e, y[i + e]);
          }
        }
      });
  if (parts) {
    leave_channel_sums<Tiles::kThreads>(
        quad_sums, buffers.sums, shape.group_out - first_column,
        parts + static_cast<std::int64_t>(first_row / Tiles::kRows) * shape.c_out +
            group * shape.group_out + first_column);
  }
}

/// The pass on one kind of tile, as a Variant's functions.
template <class Kind>
struct ForwardOnTiles {
  static std::int64_t rows(const Conv2dProblem& p) { return p.n * p.out_h() * p.out_w(); }
  static std::int64_t columns(const Conv2dProblem& p) { return p.c_out / p.groups; }

  static bool supports(const Conv2dProblem& p) {
    return conv2d_supports(p) && fits_grid(rows(p), columns(p), p.groups);
  }

  static double cost(const Conv2dProblem& p) {
    return static_cast<double>(p.groups) *
           tile_cost(rows(p), columns(p), p.kh * p.kw * (p.c_in / p.groups));
  }

  /// The sums over channels of each tile, the smaller ones.
  static std::int64_t workspace_bytes(const Conv2dProblem& p) {
    return p.sums ? ceil_div(rows(p), kSmallRows) * p.c_out *
                        static_cast<std::int64_t>(sizeof(ChannelSum))
                  : 0;
  }

  static void run(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
    if (p.y_size() == 0) return conv2d_channel_sums(stream, p, args);
    with_f32_or_bf16("conv2d", p.y_dtype, [&]<class T>(T) {
      if (p.prologue) {
        choose_tiles<T, true>(stream, p, args);
      } else {
        choose_tiles<T, false>(stream, p, args);
      }
    });
  }

 private:
  template <class T, bool with_prologue>
  static void choose_tiles(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
    constexpr int kVector = Kind::template kVector<T>;
    using Large = typename Kind::template Tiles<T, kLargeRows>;
    using Small = typename Kind::template Tiles<T, kSmallRows>;
    const bool packs = p.c_in / p.groups % kVector == 0 &&
                       is_aligned_for<kVector>(args.x.as<T>()) &&
                       is_aligned_for<kVector>(args.w.as<T>());
    if (!packs) {
      launch_tiles<Small, T, 1, with_prologue>(stream, p, args);
    } else if (large_tiles(rows(p), columns(p), p.groups)) {
      launch_tiles<Large, T, kVector, with_prologue>(stream, p, args);
    } else {
      launch_tiles<Small, T, kVector, with_prologue>(stream, p, args);
    }
  }

  template <class Tiles, class T, int vector, bool with_prologue>
  static void launch_tiles(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
    const Epilogue<T> epilogue(p, args);
    T* const y = args.y.as<T>();
    const bool packed_y = columns(p) % 4 == 0 && is_aligned_for<4>(y) &&
                          is_aligned_for<4>(epilogue.residual) && is_aligned_for<4>(epilogue.bias);
    const auto parts = p.sums ? static_cast<ChannelSum*>(args.workspace.data) : nullptr;
    launch<conv2d_forward_tiles<Tiles, T, vector, with_prologue>>(
        tile_grid<Tiles>(rows(p), columns(p), p.groups), Tiles::kThreads,
        sizeof(ForwardBlock<Tiles, T, vector, with_prologue>), native(stream), ConvShape(p),
        Prologue(p, args.scale, args.shift), epilogue, args.x.as<T>(), args.w.as<T>(), y, packed_y,
        parts);
    if (p.sums) {
      conv2d_add_channel_sums(stream, p, args, parts, ceil_div(rows(p), Tiles::kRows));
    }
  }
};

}  // namespace tl::TL_DEVICE_NAMESPACE
