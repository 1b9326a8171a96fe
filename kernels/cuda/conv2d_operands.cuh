// The matrices that the three passes multiply, as operands of Stage (tile.cuh):
//
//   pass              a [rows, depth]              b [depth, columns]
//   forward           GatheredRows of x            FilterRows of w        columns: output channels
//   backward_data     GatheredRows of dy           FilterColumns of w     columns: input channels
//   backward_weight   GradientLines of dy          GatheredLines of x     depth: the pixels of y
//
// Which pixel or tap a row, column or depth is takes divisions to find out. Each is done once per
// block, by one thread, and kept in tables in shared memory (Tables): for the sides of the tile
// before the first step (setup), for its depths one step ahead, in two buffers (prepare).
//
// Packs of kVector channels never leave a tap or the tensor: the host takes kVector > 1 only where
// it divides the channels of a group.
#pragma once

#include "kernels/cuda/conv2d_gather.cuh"
#include "kernels/cuda/tile.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// Lines along the depth: a line is one pixel and what it sees.
template <class T, int vector, int side, int depth, bool transforms>
struct GatheredRows {
  using Element = T;
  using Position = Tap;
  static constexpr int kVector = vector;
  static constexpr bool kTransforms = transforms;
  struct Tables {
    Pixel pixels[side];
    Tap taps[2][depth];
  };

  Gather gather;
  Prologue prologue;
  const T* source_tensor;
  int first_row, rows;
  Tables* tables;

  __device__ void setup() const {
    for (int i = threadIdx.x; i < side; i += blockDim.x) {
      tables->pixels[i] = gather.pixel(first_row + i, rows);
    }
  }
  __device__ void prepare(int step) const {
    const int i = threadIdx.x;
    if (i < depth) tables->taps[step % 2][i] = gather.tap(step * depth + i);
  }

  __device__ Position position(int p, int step) const { return tables->taps[step % 2][p]; }
  __device__ const T* source(int line, const Position& tap, int) const {
    return gather.at(source_tensor, tables->pixels[line], tap);
  }
  __device__ const T* base() const { return source_tensor; }
  __device__ float transform(float x, const Position& tap, int e) const {
    return prologue(x, gather.first_channel + tap.channel + e);
  }
};

/// Lines along the depth: a line is one filter, which lies in memory as it is needed.
template <class T, int vector, int depth_per_step>
struct FilterRows {
  using Element = T;
  using Position = int;  // depth
  static constexpr int kVector = vector;
  static constexpr bool kTransforms = false;

  const T* w;  // the group's first filter
  int first_column, columns, depth;

  __device__ Position position(int p, int step) const { return step * depth_per_step + p; }
  __device__ const T* source(int line, Position k, int) const {
    const int j = first_column + line;
    return j < columns && k < depth ? w + static_cast<std::int64_t>(j) * depth + k : nullptr;
  }
  __device__ const T* base() const { return w; }
};

/// Lines along the side: a line is one tap of one filter, its elements the input channels.
template <class T, int vector, int depth_per_step>
struct FilterColumns {
  using Element = T;
  using Position = int;  // input channel within the group
  static constexpr int kVector = vector;
  static constexpr bool kTransforms = false;
  struct Tables {
    std::int64_t lines[2][depth_per_step];  // index in w; -1: none
  };

  ConvShape shape;
  Phase h, w;
  const T* filter;  // the group's first
  int first_column;
  Tables* tables;

  __device__ void prepare(int step) const {
    const int i = threadIdx.x, k = step * depth_per_step + i;
    if (i >= depth_per_step) return;
    std::int64_t line = -1;
    if (k < h.taps * w.taps * shape.group_out) {
      const int tap = k / shape.group_out;
      const int r = h.first_tap + tap / w.taps * h.tap_step;
      const int s = w.first_tap + tap % w.taps * w.tap_step;
      line = shape.w_index(k % shape.group_out, r, s, 0);
    }
    tables->lines[step % 2][i] = line;
  }

  __device__ Position position(int p, int) const { return first_column + p; }
  __device__ const T* source(int line, Position channel, int step) const {
    const std::int64_t index = tables->lines[step % 2][line];
    return index >= 0 && channel < shape.group_in ? filter + index + channel : nullptr;
  }
  __device__ const T* base() const { return filter; }
};

/// Lines along the side: a line is one pixel of dy, its elements the output channels.
template <class T, int vector, int depth_per_step>
struct GradientLines {
  using Element = T;
  using Position = int;  // output channel within the group
  static constexpr int kVector = vector;
  static constexpr bool kTransforms = false;

  const T* dy;  // of the group's first channel
  int c_out, group_out, first_row;
  int begin, end;  // pixels

  __device__ Position position(int p, int) const { return first_row + p; }
  __device__ const T* source(int line, Position channel, int step) const {
    const int m = begin + step * depth_per_step + line;
    return m < end && channel < group_out ? dy + static_cast<std::int64_t>(m) * c_out + channel
                                          : nullptr;
  }
  __device__ const T* base() const { return dy; }
};

/// Lines along the side: a line is one pixel, its elements what it sees.
template <class T, int vector, int depth_per_step, bool transforms>
struct GatheredLines {
  using Element = T;
  using Position = Tap;
  static constexpr int kVector = vector;
  static constexpr bool kTransforms = transforms;
  struct Tables {
    Pixel pixels[2][depth_per_step];
  };

  Gather gather;
  Prologue prologue;
  const T* x;
  int first_column;
  int begin, end;  // pixels
  Tables* tables;

  __device__ void prepare(int step) const {
    const int i = threadIdx.x;
    if (i < depth_per_step) {
      tables->pixels[step % 2][i] = gather.pixel(begin + step * depth_per_step + i, end);
    }
  }

  __device__ Position position(int p, int) const { return gather.tap(first_column + p); }
  __device__ const T* source(int line, const Position& tap, int step) const {
    return gather.at(x, tables->pixels[step % 2][line], tap);
  }
  __device__ const T* base() const { return x; }
  __device__ float transform(float value, const Position& tap, int e) const {
    return prologue(value, gather.first_channel + tap.channel + e);
  }
};

}  // namespace tl::TL_DEVICE_NAMESPACE
