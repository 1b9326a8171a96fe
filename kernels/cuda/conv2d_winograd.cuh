// Winograd's convolution of 3x3 taps and stride 1, for any F with kOutputs and kPoints
// (winograd_f2x2.cuh, winograd_f4x4.cuh). y is cut into tiles of kOutputs x kOutputs pixels:
//
//   V [tile][point][c_in]        transformed patches of x, kPoints x kPoints pixels each
//   U [point][c_out][c_in]       transformed filters, prepared once per weights
//   M [tile][point][c_out]       M = V * U^T, one matrix product per point
//   y                            transformed M
//
// The products of all points are one convolution of 1x1 with a group per point, tiles for pixels:
// "implicit_gemm" does it. V, U and M are f32 for any storage type: rounding V to bf16 would be
// amplified by the transform that follows.
//
// Every transform is one thread per tile (filter) and channel, channels fastest: neighbouring
// threads read and write neighbouring addresses, and a whole tile fits the thread's registers.
#pragma once

#include <algorithm>

#include "kernels/cuda/conv2d.cuh"
#include "kernels/cuda/grid_stride.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// y[n, i, j] = epilogue(sum over r, s of x[n, i - pad_h + r, j - pad_w + s] * w), x 0 outside.
struct WinogradShape {
  int n, x_h, x_w, c_in, pad_h, pad_w, y_h, y_w, c_out;
  int tiles_h, tiles_w;  // per picture

  std::int64_t tiles() const { return static_cast<std::int64_t>(n) * tiles_h * tiles_w; }
};

/// With tiles of F on y.
template <class F>
WinogradShape with_tiles(WinogradShape shape) {
  shape.tiles_h = (shape.y_h + F::kOutputs - 1) / F::kOutputs;
  shape.tiles_w = (shape.y_w + F::kOutputs - 1) / F::kOutputs;
  return shape;
}
template <class F>
WinogradShape winograd_forward_shape(const Conv2dProblem& p) {
  const ConvShape s(p);
  return with_tiles<F>({s.n, s.h, s.w, s.c_in, s.pad_h, s.pad_w, s.out_h, s.out_w, s.c_out, 0, 0});
}

/// 3x3, stride 1, no dilation, no groups.
inline bool is_winograd_shape(const Conv2dProblem& p) {
  return p.kh == 3 && p.kw == 3 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_h == 1 &&
         p.dilation_w == 1 && p.groups == 1 && p.c_in > 0 && p.c_out > 0;
}

/// Tiles are done in chunks, so that the workspace is bounded and what is written for a chunk is
/// still in the second-level cache when it is read: about 16 MB, 64 tiles at least.
template <class F>
std::int64_t winograd_chunk_tiles(const WinogradShape& shape) {
  constexpr std::int64_t kChunkBytes = 16 << 20, kUnit = 64;
  const std::int64_t tile_bytes = std::int64_t{F::kPoints} * F::kPoints *
                                  (shape.c_in + shape.c_out) *
                                  static_cast<std::int64_t>(sizeof(float));
  const std::int64_t fitting = kChunkBytes / tile_bytes / kUnit * kUnit;
  return std::min(shape.tiles(), std::max(fitting, kUnit));
}

/// Up to the next multiple of 64 bytes.
inline std::int64_t whole_lines(std::int64_t floats) { return ceil_div(floats, 16) * 16; }

/// A tile's picture and its first pixel of y.
struct WinogradTile {
  int image, row, column;

  __device__ WinogradTile(const WinogradShape& shape, std::int64_t tile, int outputs)
      : image(static_cast<int>(tile / (shape.tiles_h * shape.tiles_w))),
        row(static_cast<int>(tile / shape.tiles_w % shape.tiles_h) * outputs),
        column(static_cast<int>(tile % shape.tiles_w) * outputs) {}
};

/// `f` on the columns of a square of numbers, then on the rows: out = f in f^T.
template <int in_size, int out_size, class F>
__device__ void transform_square(const float (&in)[in_size][in_size],
                                 float (&out)[out_size][out_size], const F& f) {
  float half[in_size][out_size];  // [column][point]
#pragma unroll
  for (int s = 0; s < in_size; ++s) {
    float column[in_size];
#pragma unroll
    for (int r = 0; r < in_size; ++r) column[r] = in[r][s];
    f(column, half[s]);
  }
#pragma unroll
  for (int i = 0; i < out_size; ++i) {
    float row[in_size];
#pragma unroll
    for (int s = 0; s < in_size; ++s) row[s] = half[s][i];
    f(row, out[i]);
  }
}

/// V of the tiles first_tile ..., `size` = their number * c_in.
template <class F, class T>
static __global__ void winograd_transform_input(WinogradShape shape, Prologue prologue, const T* x,
                                                std::int64_t first_tile, std::int64_t size,
                                                float* v) {
  constexpr int kPoints = F::kPoints;
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    const int c = static_cast<int>(i % shape.c_in);
    const std::int64_t tile = i / shape.c_in;
    const WinogradTile place(shape, first_tile + tile, F::kOutputs);
    float patch[kPoints][kPoints], points[kPoints][kPoints];
#pragma unroll
    for (int r = 0; r < kPoints; ++r) {
#pragma unroll
      for (int s = 0; s < kPoints; ++s) {
        const int row = place.row - shape.pad_h + r, column = place.column - shape.pad_w + s;
        const bool inside = row >= 0 && row < shape.x_h && column >= 0 && column < shape.x_w;
        const std::int64_t pixel =
            (static_cast<std::int64_t>(place.image) * shape.x_h + row) * shape.x_w + column;
        patch[r][s] = inside ? prologue(x[pixel * shape.c_in + c], c) : 0.0f;
      }
    }
    transform_square(patch, points, F::inputs);
    float* const to = v + tile * kPoints * kPoints * shape.c_in + c;
#pragma unroll
    for (int r = 0; r < kPoints; ++r) {
#pragma unroll
      for (int s = 0; s < kPoints; ++s) to[(r * kPoints + s) * shape.c_in] = points[r][s];
    }
  }
}

/// U [point][c_out][c_in] from w [c_out, 3, 3, c_in]; or, `turned` for backward_data,
/// U [point][c_in][c_out] from the filters turned by 180 degrees. `size` = c_out * c_in.
template <class F, class T>
static __global__ void winograd_transform_filter(const T* w, int c_in, bool turned,
                                                 std::int64_t size, float* u) {
  constexpr int kPoints = F::kPoints;
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    const std::int64_t co = i / c_in, ci = i % c_in;
    float taps[3][3], points[kPoints][kPoints];
#pragma unroll
    for (int r = 0; r < 3; ++r) {
#pragma unroll
      for (int s = 0; s < 3; ++s) {
        const int tap = turned ? 8 - (r * 3 + s) : r * 3 + s;
        taps[r][s] = w[(co * 9 + tap) * c_in + ci];
      }
    }
    transform_square(taps, points, F::taps);
    float* const to = u + (turned ? ci * (size / c_in) + co : i);
#pragma unroll
    for (int r = 0; r < kPoints; ++r) {
#pragma unroll
      for (int s = 0; s < kPoints; ++s) to[(r * kPoints + s) * size] = points[r][s];
    }
  }
}

/// y of the tiles first_tile ... from their M, `size` = their number * c_out.
template <class F, class T>
static __global__ void winograd_transform_output(WinogradShape shape, Epilogue<T> epilogue,
                                                 const float* m, std::int64_t first_tile,
                                                 std::int64_t size, T* y) {
  constexpr int kPoints = F::kPoints, kOutputs = F::kOutputs;
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    const int c = static_cast<int>(i % shape.c_out);
    const std::int64_t tile = i / shape.c_out;
    const WinogradTile place(shape, first_tile + tile, kOutputs);
    const float* const from = m + tile * kPoints * kPoints * shape.c_out + c;
    float points[kPoints][kPoints], sums[kOutputs][kOutputs];
#pragma unroll
    for (int r = 0; r < kPoints; ++r) {
#pragma unroll
      for (int s = 0; s < kPoints; ++s) points[r][s] = from[(r * kPoints + s) * shape.c_out];
    }
    transform_square(points, sums, F::outputs);
#pragma unroll
    for (int r = 0; r < kOutputs; ++r) {
#pragma unroll
      for (int s = 0; s < kOutputs; ++s) {
        const int row = place.row + r, column = place.column + s;
        if (row >= shape.y_h || column >= shape.y_w) continue;
        const std::int64_t pixel =
            (static_cast<std::int64_t>(place.image) * shape.y_h + row) * shape.y_w + column;
        const std::int64_t index = pixel * shape.c_out + c;
        y[index] = static_cast<T>(epilogue(sums[r][s], index, c));
      }
    }
  }
}

}  // namespace tl::TL_DEVICE_NAMESPACE
