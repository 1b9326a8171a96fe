// Gather: the picture as a matrix that is never stored. All three passes of a convolution read
// elements of one tensor by
//
//   a[m, k] = source[image, row(i, r), column(j, s), c]    m = (image, i, j), k = (r, s, c), c
//   fastest row(i, r) = first_h + i * step_h + r * tap_h           0 where that lies outside
//
// forward and backward_weight: source x, (i, j) a pixel of y, steps are strides, taps dilations.
//
// backward_data: source dy, (i, j) a pixel of dx, channels c of dy. A row ih of dx meets tap r only
// where ih + pad - r * dilation is a multiple of the stride, so for a stride of 2 three quarters of
// all products would be with nothing. Therefore dx is cut into phases, ih mod stride (and the same
// across): within a phase the taps that count are every q-th from a first one,
// q = stride / gcd(stride, dilation), and the row of dy moves by q * dilation / stride against the
// tap. Each phase is a matrix product of its own.
#pragma once

#include "kernels/cuda/conv2d.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// A row or column that is outside whatever is added to it.
inline constexpr int kOutside = -(1 << 30);

/// One row m of the matrix: where it stands in the source at tap (0, 0), channel 0 of the group.
struct alignas(16) Pixel {
  std::int64_t offset;
  int row, column;
};

/// One column k of the matrix: what is added to that.
struct Tap {
  std::int64_t offset;
  int row, column, channel;
};

/// Of backward_data, along one axis: which pixels of dx and which taps of the filter a phase has.
struct Phase {
  int pixels;  // first, first + stride, ... of dx
  int taps, first_tap, tap_step;
  int first_row, tap_rows;  // of dy

  __device__ Phase(int first, int length, int stride, int pad, int dilation, int kernel) {
    pixels = first < length ? (length - 1 - first) / stride + 1 : 0;
    const auto meets = [&](int r) { return (first + pad - r * dilation) % stride == 0; };
    first_tap = 0;
    while (first_tap < kernel && !meets(first_tap)) ++first_tap;
    int second = first_tap + 1;
    while (second < kernel && !meets(second)) ++second;
    tap_step = second - first_tap;
    taps = first_tap < kernel ? (kernel - 1 - first_tap) / tap_step + 1 : 0;
    first_row = (first + pad - first_tap * dilation) / stride;
    tap_rows = -(tap_step * dilation / stride);
  }
};

struct Gather {
  int pixels_h, pixels_w, first_h, first_w, step_h, step_w, tap_h, tap_w;
  int source_h, source_w, source_c, first_channel;
  int taps_h, taps_w, channels;

  /// Of forward and backward_weight, for one group.
  __device__ Gather(const ConvShape& shape, int group)
      : pixels_h(shape.out_h),
        pixels_w(shape.out_w),
        first_h(-shape.pad_h),
        first_w(-shape.pad_w),
        step_h(shape.stride_h),
        step_w(shape.stride_w),
        tap_h(shape.dilation_h),
        tap_w(shape.dilation_w),
        source_h(shape.h),
        source_w(shape.w),
        source_c(shape.c_in),
        first_channel(group * shape.group_in),
        taps_h(shape.kh),
        taps_w(shape.kw),
        channels(shape.group_in) {}

  /// Of backward_data, for one group and phase.
  __device__ Gather(const ConvShape& shape, int group, const Phase& h, const Phase& w)
      : pixels_h(h.pixels),
        pixels_w(w.pixels),
        first_h(h.first_row),
        first_w(w.first_row),
        step_h(1),
        step_w(1),
        tap_h(h.tap_rows),
        tap_w(w.tap_rows),
        source_h(shape.out_h),
        source_w(shape.out_w),
        source_c(shape.c_out),
        first_channel(group * shape.group_out),
        taps_h(h.taps),
        taps_w(w.taps),
        channels(shape.group_out) {}

  __device__ int depth() const { return taps_h * taps_w * channels; }

  /// Row m; from `end` on there are none.
  __device__ Pixel pixel(int m, int end) const {
    if (m >= end) return {0, kOutside, kOutside};
    const int row = first_h + m / pixels_w % pixels_h * step_h;
    const int column = first_w + m % pixels_w * step_w;
    const std::int64_t image = m / (pixels_h * pixels_w);
    return {((image * source_h + row) * source_w + column) * source_c + first_channel, row, column};
  }

  __device__ Tap tap(int k) const {
    if (k >= depth()) return {0, kOutside, kOutside, 0};
    const int rs = k / channels, c = k % channels;
    const int row = rs / taps_w * tap_h, column = rs % taps_w * tap_w;
    return {(static_cast<std::int64_t>(row) * source_w + column) * source_c + c, row, column, c};
  }

  /// The address of a[m, k], nullptr where that is 0.
  template <class T>
  __device__ const T* at(const T* source, const Pixel& pixel, const Tap& tap) const {
    const int row = pixel.row + tap.row, column = pixel.column + tap.column;
    const bool inside = row >= 0 && row < source_h && column >= 0 && column < source_w;
    return inside ? source + pixel.offset + tap.offset : nullptr;
  }
};

}  // namespace tl::TL_DEVICE_NAMESPACE
