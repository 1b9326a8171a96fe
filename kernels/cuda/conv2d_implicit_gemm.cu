// conv2d "implicit_gemm": forward as a matrix product whose left matrix is never stored.
//
//   y [rows, columns] = a [rows, depth] * b [depth, columns]      for each group of channels
//
//   rows     n * out_h * out_w, the pixels of y          a[m, k]: what pixel m sees at tap k
//   columns  the group's output channels                 b[k, j]: the filters
//   depth    kh * kw * the group's input channels, in the filters' own order: ci fastest
//
// A block computes a tile of y. It walks over the depth in steps: it gathers a tile of a from x and
// one of b from w into shared memory, then each thread multiplies its kPatch rows by its kPatch
// columns from there. So an operand comes from global memory once per tile, not once per product.
#include <limits>

#include "kernels/cuda/conv2d.cuh"
#include "kernels/cuda/grid_stride.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kTile = 64;   // rows and columns of y per block
constexpr int kDepth = 16;  // depth per step
constexpr int kPatch = 4;   // rows and columns of y per thread
constexpr int kPatches = kTile / kPatch;
constexpr int kLoadRows = kThreads / kDepth;  // rows of a tile that the block loads at a time
constexpr int kLoads = kTile / kLoadRows;
static_assert(kPatches * kPatches == kThreads);

// Tiles lie in shared memory depth by depth. The padding puts the elements that a warp stores at
// once, kDepth depths of 2 rows, into different banks, and keeps rows aligned for 16-byte loads.
constexpr int kPitch = kTile + 4;

/// One pixel of y, as the rows of a need it.
struct Pixel {
  int image, row, column;  // of x, under the filter's corner
};

__device__ Pixel pixel(const ConvShape& shape, int m) {
  const int ow = m % shape.out_w, oh = m / shape.out_w % shape.out_h;
  return {m / (shape.out_w * shape.out_h), shape.x_row(oh, 0), shape.x_column(ow, 0)};
}

__global__ void __launch_bounds__(kThreads)
    conv2d_forward_implicit_gemm(ConvShape shape, Prologue prologue, Epilogue<float> epilogue,
                                 const float* x, const float* w, float* y) {
  __shared__ __align__(16) float a_tile[kDepth][kPitch];
  __shared__ __align__(16) float b_tile[kDepth][kPitch];

  const int rows = shape.n * shape.out_h * shape.out_w;
  const int depth = shape.kh * shape.kw * shape.group_in;
  const int first_row = blockIdx.x * kTile;
  const int first_column = blockIdx.y * kTile;
  const int group = blockIdx.z;
  const int first_channel = group * shape.group_in;

  // For loading: this thread's depth within a step, and its rows of a: all kLoadRows-th ones.
  const int load_depth = threadIdx.x % kDepth, load_row = threadIdx.x / kDepth;
  Pixel pixels[kLoads];
#pragma unroll
  for (int i = 0; i < kLoads; ++i) {
    pixels[i] = pixel(shape, min(first_row + load_row + i * kLoadRows, rows - 1));
  }

  // For multiplying: this thread's patch of y.
  const int patch_row = threadIdx.x / kPatches * kPatch;
  const int patch_column = threadIdx.x % kPatches * kPatch;
  float sum[kPatch][kPatch] = {};

  for (int step = 0; step < depth; step += kDepth) {
    const int k = step + load_depth;
    const bool inside_depth = k < depth;
    const int c = k % shape.group_in, tap = k / shape.group_in;
    const int r = tap / shape.kw * shape.dilation_h, s = tap % shape.kw * shape.dilation_w;
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int tile_row = load_row + i * kLoadRows;
      const int row = pixels[i].row + r, column = pixels[i].column + s;
      const bool inside =
          inside_depth && row >= 0 && row < shape.h && column >= 0 && column < shape.w;
      float value = 0;
      if (inside) {
        const int channel = first_channel + c;
        value = prologue(x[shape.x_index(pixels[i].image, row, column, channel)], channel);
      }
      a_tile[load_depth][tile_row] = value;

      const int j = first_column + tile_row;
      const std::int64_t filter = static_cast<std::int64_t>(group) * shape.group_out + j;
      b_tile[load_depth][tile_row] =
          inside_depth && j < shape.group_out ? w[filter * depth + k] : 0;
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      float a[kPatch], b[kPatch];
#pragma unroll
      for (int i = 0; i < kPatch; ++i) a[i] = a_tile[d][patch_row + i];
#pragma unroll
      for (int j = 0; j < kPatch; ++j) b[j] = b_tile[d][patch_column + j];
#pragma unroll
      for (int i = 0; i < kPatch; ++i) {
#pragma unroll
        for (int j = 0; j < kPatch; ++j) sum[i][j] += a[i] * b[j];
      }
    }
    __syncthreads();  // the tiles are free for the next step
  }

#pragma unroll
  for (int i = 0; i < kPatch; ++i) {
    const int m = first_row + patch_row + i;
#pragma unroll
    for (int j = 0; j < kPatch; ++j) {
      const int column = first_column + patch_column + j;
      if (m >= rows || column >= shape.group_out) continue;
      const int co = group * shape.group_out + column;
      const std::int64_t index = static_cast<std::int64_t>(m) * shape.c_out + co;
      y[index] = epilogue(sum[i][j], index, co);
    }
  }
}

std::int64_t row_tiles(const Conv2dProblem& p) {
  return ceil_div(p.n * p.out_h() * p.out_w(), kTile);
}
std::int64_t column_tiles(const Conv2dProblem& p) { return ceil_div(p.c_out / p.groups, kTile); }

void forward(Stream stream, const Conv2dProblem& p, const Conv2dForwardArgs& args) {
  if (p.y_size() > 0) {
    const dim3 grid(static_cast<unsigned>(row_tiles(p)), static_cast<unsigned>(column_tiles(p)),
                    static_cast<unsigned>(p.groups));
    launch<conv2d_forward_implicit_gemm>(
        grid, kThreads, 0, native(stream), ConvShape(p), Prologue(p, args.scale, args.shift),
        Epilogue<float>(p, args), args.x.as<float>(), args.w.as<float>(), args.y.as<float>());
  }
  conv2d_channel_sums(stream, p, args);
}

bool supports(const Conv2dProblem& p) {
  constexpr std::int64_t kMaxGrid = 65535;  // of the grid's y and z
  return conv2d_supports(p) && p.x_dtype == DType::f32 && column_tiles(p) <= kMaxGrid && p.groups <= kMaxGrid &&
         row_tiles(p) * kTile <= std::numeric_limits<int>::max();
}

/// Whole tiles are computed, however little of them is needed.
double cost(const Conv2dProblem& p) {
  const std::int64_t depth = ceil_div(p.kh * p.kw * (p.c_in / p.groups), kDepth) * kDepth;
  return static_cast<double>(row_tiles(p) * column_tiles(p) * p.groups) * kTile * kTile *
         static_cast<double>(depth);
}

}  // namespace

void add_conv2d_implicit_gemm(Conv2dKernels& kernels) {
  kernels.forward.add({.name = "implicit_gemm",
                       .supports = supports,
                       .workspace_bytes = conv2d_channel_sums_bytes,
                       .run = forward,
                       .cost = cost});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
