// backward_weight as a matrix product, for each group of channels:
//
//   dw [rows, columns] = a [rows, depth] * b [depth, columns]
//
//   rows     the group's output channels                a[i, m]: dy
//   columns  the taps * the group's input channels      b[m, k]: what pixel m of y sees at tap k
//   depth    n * out_h * out_w, the pixels of y
//
// dw is small and the depth long, so the tiles of dw alone would not fill a GPU: the pixels are cut
// into parts. Each part leaves its sums in the workspace, and a second kernel adds them up in their
// order: no atomics, the same bits in every run. How many parts depends on the shape alone.
#pragma once

#include "kernels/cuda/conv2d_tiles.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// What a block multiplies, and its shared memory.
template <class Tiles, class T, int vector, bool with_prologue>
struct BackwardWeightBlock {
  using S = typename Tiles::Element;
  static constexpr int kDepth = Tiles::kDepth;
  using LayoutA = TileLayout<S, Tiles::kRows, kDepth, Along::side>;
  using LayoutB = TileLayout<S, Tiles::kColumns, kDepth, Along::side>;
  using Product = typename Tiles::template Product<LayoutA, LayoutB>;
  using OperandA = GradientLines<T, vector, kDepth>;
  using OperandB = GatheredLines<T, vector, kDepth, with_prologue>;
  static_assert(Product::kThreads == Tiles::kThreads);

  TileBuffers<LayoutA, LayoutB> buffers;
  typename OperandB::Tables tables;
};

/// Writes out[part][co, r, s, ci].
template <class Tiles, class T, int vector, bool with_prologue>
static __global__ void __launch_bounds__(Tiles::kThreads,
                                         (Occupancy<Tiles, vector, with_prologue>::kBlocks))
    conv2d_backward_weight_tiles(ConvShape shape, Prologue prologue, const T* x, const T* dy,
                                 float* out, int parts, int part_pixels) {
  using Block = BackwardWeightBlock<Tiles, T, vector, with_prologue>;
  constexpr int kDepth = Tiles::kDepth;
  DYNAMIC_SHARED(Block, shared);
  auto& buffers = shared->buffers;

  const int group = static_cast<int>(blockIdx.z) / parts;
  const int part = static_cast<int>(blockIdx.z) % parts;
  const Gather gather(shape, group);
  const int columns = gather.depth();
  const int first_row = first_row_of_block<Tiles>(columns);
  const int first_column = first_column_of_block<Tiles>(columns);
  const int begin = part * part_pixels;
  const int end = min(begin + part_pixels, shape.n * shape.out_h * shape.out_w);

  const typename Block::OperandA a{
      dy + group * shape.group_out, shape.c_out, shape.group_out, first_row, begin, end};
  const typename Block::OperandB b{gather, prologue, x, first_column, begin, end, &shared->tables};
  Stage<typename Block::LayoutA, typename Block::OperandA, Tiles::kThreads> stage_a(a);
  Stage<typename Block::LayoutB, typename Block::OperandB, Tiles::kThreads> stage_b(b);
  typename Block::Product product;
  multiply_along_depth(product, stage_a, stage_b, buffers.tiles,
                       (end - begin + kDepth - 1) / kDepth, [&](int step) { b.prepare(step); });
  product.store(buffers.sums);
  __syncthreads();

  out += static_cast<std::int64_t>(part) * shape.c_out * columns;
  for_each_quad<Tiles::kRows, Tiles::kThreads>(buffers.sums, [&](int row, int column,
                                                                 const float(&sums)[4]) {
    const int i = first_row + row, k = first_column + column;
    if (i >= shape.group_out || k >= columns) return;
    float* const to = out + static_cast<std::int64_t>(group * shape.group_out + i) * columns + k;
    for (int e = 0; e < min(4, columns - k); ++e) to[e] = sums[e];
  });
}

/// dw = the sum of all parts.
template <class Dw>
static __global__ void conv2d_backward_weight_add_parts(const float* sums, int parts,
                                                        std::int64_t size, Dw* dw) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    float sum = 0;
    for (int part = 0; part < parts; ++part) sum += sums[part * size + i];
    dw[i] = static_cast<Dw>(sum);
  }
}

/// The pass on one kind of tile, as a Variant's functions.
template <class Kind>
struct BackwardWeightOnTiles {
  static std::int64_t pixels(const Conv2dProblem& p) { return p.n * p.out_h() * p.out_w(); }
  static std::int64_t rows(const Conv2dProblem& p) { return p.c_out / p.groups; }
  static std::int64_t columns(const Conv2dProblem& p) { return p.kh * p.kw * (p.c_in / p.groups); }

  /// How the pixels are cut: enough parts for about kBlocks tiles in all, each long enough that
  /// leaving and adding its sums costs little.
  struct Parts {
    std::int64_t count, pixels;
  };
  static Parts parts(const Conv2dProblem& p) {
    constexpr std::int64_t kBlocks = 528, kLeast = 256, kUnit = 32, kMost = 256;
    const std::int64_t tiles = std::max<std::int64_t>(
        1, ceil_div(rows(p), kLargeRows) * ceil_div(columns(p), kTileColumns) * p.groups);
    const std::int64_t wanted = std::clamp<std::int64_t>(kBlocks / tiles, 1, kMost);
    const std::int64_t length =
        std::max(kLeast, ceil_div(ceil_div(pixels(p), wanted), kUnit) * kUnit);
    return {std::max<std::int64_t>(1, ceil_div(pixels(p), length)), length};
  }

  static bool supports(const Conv2dProblem& p) {
    return conv2d_supports_weight(p) && fits_grid(rows(p), columns(p), p.groups * parts(p).count) &&
           p.c_out <= std::numeric_limits<int>::max() / 2;
  }

  /// The sums of all parts, unless the only part can write dw itself.
  static std::int64_t workspace_bytes(const Conv2dProblem& p) {
    return writes_dw(p) ? 0
                        : parts(p).count * p.w_size() * static_cast<std::int64_t>(sizeof(float));
  }

  static double cost(const Conv2dProblem& p) {
    return static_cast<double>(p.groups) * tile_cost(rows(p), columns(p), pixels(p));
  }

  static void run(Stream stream, const Conv2dProblem& p, const Conv2dBackwardWeightArgs& args) {
    if (p.w_size() == 0) return;
    float* const out =
        writes_dw(p) ? args.dw.as<float>() : static_cast<float*>(args.workspace.data);
    with_f32_or_bf16("conv2d", p.x_dtype, [&]<class T>(T) {
      if (p.prologue) {
        choose_tiles<T, true>(stream, p, args, out);
      } else {
        choose_tiles<T, false>(stream, p, args, out);
      }
    });
    if (writes_dw(p)) return;
    with_f32_or_bf16("conv2d", p.w_dtype, [&]<class Dw>(Dw) {
      launch<conv2d_backward_weight_add_parts<Dw>>(
          blocks_for(p.w_size()), kThreads, 0, native(stream), static_cast<const float*>(out),
          static_cast<int>(parts(p).count), p.w_size(), args.dw.as<Dw>());
    });
  }

 private:
  static bool writes_dw(const Conv2dProblem& p) {
    return parts(p).count == 1 && p.w_dtype == DType::f32;
  }

  template <class T, bool with_prologue>
  static void choose_tiles(Stream stream, const Conv2dProblem& p,
                           const Conv2dBackwardWeightArgs& args, float* out) {
    constexpr int kVector = Kind::template kVector<T>;
    using Large = typename Kind::template Tiles<T, kLargeRows>;
    using Small = typename Kind::template Tiles<T, kSmallRows>;
    const bool packs = p.c_in / p.groups % kVector == 0 && p.c_out / p.groups % kVector == 0 &&
                       is_aligned_for<kVector>(args.x.as<T>()) &&
                       is_aligned_for<kVector>(args.dy.as<T>());
    if (!packs) {
      launch_tiles<Small, T, 1, with_prologue>(stream, p, args, out);
    } else if (large_tiles(rows(p), columns(p), p.groups * parts(p).count)) {
      launch_tiles<Large, T, kVector, with_prologue>(stream, p, args, out);
    } else {
      launch_tiles<Small, T, kVector, with_prologue>(stream, p, args, out);
    }
  }

  template <class Tiles, class T, int vector, bool with_prologue>
  static void launch_tiles(Stream stream, const Conv2dProblem& p,
                           const Conv2dBackwardWeightArgs& args, float* out) {
    const Parts cut = parts(p);
    launch<conv2d_backward_weight_tiles<Tiles, T, vector, with_prologue>>(
        tile_grid<Tiles>(rows(p), columns(p), p.groups * cut.count), Tiles::kThreads,
        sizeof(BackwardWeightBlock<Tiles, T, vector, with_prologue>), native(stream), ConvShape(p),
        Prologue(p, args.scale, args.shift), args.x.as<T>(), args.dy.as<T>(), out,
        static_cast<int>(cut.count), static_cast<int>(cut.pixels));
  }
};

}  // namespace tl::TL_DEVICE_NAMESPACE
