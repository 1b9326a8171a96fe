// What the three depthwise kernels share. A depthwise convolution has one filter per channel:
//
//   y[i, j, c] = sum over r, s of x[i * step_h + origin_h + r * tap_step_h, ..., c] * w[r, s, c]
//
// so channels are vector lanes, and no sum crosses them. There are few multiply-adds per number
// read; what counts is to read x seldom. Outputs beside each other see the same pixels: a block of
// them is computed at once, and where the taps of a row are three neighbours, the pixels of that
// row are loaded into registers once for the whole block. A block sees all of a row's taps or is
// one output at the border, whose taps outside are left out, not multiplied by zero.
//
// Filters lie as [kh, kw, c]: see transpose_filter.
#if defined(TL_CPU_CONV2D_DEPTHWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_CONV2D_DEPTHWISE_INL_H_
#undef TL_CPU_CONV2D_DEPTHWISE_INL_H_
#else
#define TL_CPU_CONV2D_DEPTHWISE_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/conv2d.h"
#include "kernels/cpu/ranges.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// body(d, c) for some channels, by whole vectors, then by vectors of 4 lanes, then of one:
/// networks have 24 or 40 channels where a vector may have 16. Nothing is read past the end.
template <class Body>
HWY_INLINE void for_each_channel_vector(Range channels, const Body& body) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 4> four;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = channels.begin;
  for (; c + lanes <= channels.end; c += lanes) body(d, c);
  const auto few = static_cast<std::int64_t>(hn::Lanes(four));
  for (; c + few <= channels.end; c += few) body(four, c);
  for (; c < channels.end; ++c) body(one, c);
}

/// f(channels) for all channels, by so many at a time that their filters stay in the first-level
/// cache.
template <class F>
HWY_INLINE void for_each_channel_block(std::int64_t channels, std::int64_t taps, const F& f) {
  constexpr std::int64_t kFilterFloats = 4096, kLeastChannels = 64;
  const std::int64_t grain =
      std::max<std::int64_t>(1, kFilterFloats / taps / kLeastChannels) * kLeastChannels;
  for (std::int64_t i = 0; i < chunks_of(channels, grain); ++i) f(chunk_range(channels, grain, i));
}

/// One axis: output `o` reads input o * step + origin + t * tap_step for tap t, which stands at
/// first_tap + t * filter_step in a filter of length `kernel`.
struct DepthwiseAxis {
  std::int64_t inputs, outputs, step, origin, taps, tap_step, kernel;
  std::int64_t first_tap = 0, filter_step = 1;

  std::int64_t input(std::int64_t o, std::int64_t t) const {
    return o * step + origin + t * tap_step;
  }
  std::int64_t filter_index(std::int64_t t) const { return first_tap + t * filter_step; }

  /// The taps of output `o` that are not outside.
  Range taps_of(std::int64_t o) const {
    const std::int64_t first = input(o, 0);
    const std::int64_t begin = first < 0 ? (-first + tap_step - 1) / tap_step : 0;
    const std::int64_t end =
        first < inputs ? std::min(taps, (inputs - 1 - first) / tap_step + 1) : 0;
    return {std::min(begin, end), end};
  }
  /// The outputs none of whose taps is outside.
  Range inside() const {
    const std::int64_t last = inputs - 1 - input(0, taps - 1);
    const std::int64_t begin = origin < 0 ? (-origin + step - 1) / step : 0;
    const std::int64_t end = last < 0 ? 0 : std::min(outputs, last / step + 1);
    return {std::min(begin, end), end};
  }
};

/// How many outputs a block has; how many taps are taken together because they are neighbours, and
/// by how many pixels the outputs are then apart.
template <int kOutputsOf, int kTapsOf = 1, int kStepOf = 1>
struct BlockShape {
  static constexpr int kOutputs = kOutputsOf, kTaps = kTapsOf, kStep = kStepOf;
};

/// The taps of a block: where the first is in a picture of x and in the filter, and how far it is
/// to the next, in floats.
struct BlockTaps {
  std::int64_t rows, columns;
  std::int64_t x, x_row, x_column, x_output;
  std::int64_t w, w_row, w_column;

  BlockTaps(const DepthwiseAxis& h, const DepthwiseAxis& w_axis, std::int64_t i, Range of_h,
            std::int64_t j, Range of_w, std::int64_t channels)
      : rows(of_h.size()),
        columns(of_w.size()),
        x((h.input(i, of_h.begin) * w_axis.inputs + w_axis.input(j, of_w.begin)) * channels),
        x_row(h.tap_step * w_axis.inputs * channels),
        x_column(w_axis.tap_step * channels),
        x_output(w_axis.step * channels),
        w((h.filter_index(of_h.begin) * w_axis.kernel + w_axis.filter_index(of_w.begin)) *
          channels),
        w_row(h.filter_step * w_axis.kernel * channels),
        w_column(w_axis.filter_step * channels) {}
};

/// f(shape, j, taps) for all outputs j of row `i`, by blocks of 8, then of 4, then one by one.
template <class F>
HWY_INLINE void for_each_block(const DepthwiseAxis& h, const DepthwiseAxis& w, std::int64_t i,
                               std::int64_t channels, const F& f) {
  const Range of_h = h.taps_of(i), inside = w.inside();
  std::int64_t j = 0;
  const auto one_by_one = [&](std::int64_t end) {
    for (; j < end; ++j) {
      const BlockTaps taps(h, w, i, of_h, j, w.taps_of(j), channels);
      if (w.tap_step == 1 && taps.columns == 3) {
        f(BlockShape<1, 3>(), j, taps);
      } else if (w.tap_step == 1 && taps.columns == 2) {
        f(BlockShape<1, 2>(), j, taps);
      } else {
        f(BlockShape<1>(), j, taps);
      }
    }
  };
  const auto by_blocks = [&]<int kOutputs>(std::integral_constant<int, kOutputs>) {
    for (; j + kOutputs <= inside.end; j += kOutputs) {
      const BlockTaps taps(h, w, i, of_h, j, {0, w.taps}, channels);
      if (w.tap_step == 1 && taps.columns == 3 && w.step == 1) {
        f(BlockShape<kOutputs, 3, 1>(), j, taps);
      } else if (w.tap_step == 1 && taps.columns == 3 && w.step == 2) {
        f(BlockShape<kOutputs, 3, 2>(), j, taps);
      } else {
        f(BlockShape<kOutputs>(), j, taps);
      }
    }
  };
  one_by_one(inside.begin);
  by_blocks(std::integral_constant<int, 8>());
  by_blocks(std::integral_constant<int, 4>());
  one_by_one(w.outputs);
}

/// f(x, step, w) for every group of Shape::kTaps taps that are neighbours: where the first pixel of
/// the block's first output is, how far it is to the next pixel, where the first tap stands. Of a
/// group of one tap, the next pixel is the next output's.
template <class Shape, class F>
HWY_INLINE void for_each_tap_group(Shape, const BlockTaps& taps, const F& f) {
  for (std::int64_t r = 0; r < taps.rows; ++r) {
    const std::int64_t x = taps.x + r * taps.x_row, w = taps.w + r * taps.w_row;
    if constexpr (Shape::kTaps > 1) {
      f(x, taps.x_column, w);
    } else {
      for (std::int64_t s = 0; s < taps.columns; ++s) {
        f(x + s * taps.x_column, taps.x_output, w + s * taps.w_column);
      }
    }
  }
}

/// f(pixel, s, b) for every tap s and output b of a group, pixel by pixel, each loaded once.
template <class Shape, class D, class F>
HWY_INLINE void for_each_product(Shape, D d, const float* x, std::int64_t step, const F& f) {
#pragma GCC unroll 17
  for (int k = 0; k < (Shape::kOutputs - 1) * Shape::kStep + Shape::kTaps; ++k) {
    const auto pixel = hn::LoadU(d, x + k * step);
#pragma GCC unroll 3
    for (int s = 0; s < Shape::kTaps; ++s) {
      const int b = (k - s) / Shape::kStep;
      if (k >= s && b * Shape::kStep == k - s && b < Shape::kOutputs) f(pixel, s, b);
    }
  }
}

/// What becomes of the sums of one row: y = relu?(sum + bias + addend), in outputs `step` floats
/// apart. Null: none. The addend may be y.
struct DepthwiseOutput {
  float* y;
  std::int64_t step;
  const float* bias = nullptr;
  const float* addend = nullptr;
  bool relu = false;
};

/// Row `i` of the outputs of one picture, some channels of `all`.
inline void filter_row(const DepthwiseAxis& h, const DepthwiseAxis& w_axis, std::int64_t i,
                       std::int64_t all, Range channels, const float* x, const float* w,
                       const DepthwiseOutput& out) {
  for_each_block(h, w_axis, i, all, [&](auto shape, std::int64_t j, const BlockTaps& taps) {
    for_each_channel_vector(channels, [&](auto d, std::int64_t c) {
      constexpr int kOutputs = decltype(shape)::kOutputs, kTaps = decltype(shape)::kTaps;
      hn::Vec<decltype(d)> sum[kOutputs];
      for (auto& s : sum) s = hn::Zero(d);
      for_each_tap_group(shape, taps, [&](std::int64_t from, std::int64_t step, std::int64_t at) {
        hn::Vec<decltype(d)> weight[kTaps];
        for (int s = 0; s < kTaps; ++s) weight[s] = hn::LoadU(d, w + at + s * taps.w_column + c);
        for_each_product(shape, d, x + from + c, step, [&](auto pixel, int s, int b) {
          sum[b] = hn::MulAdd(pixel, weight[s], sum[b]);
        });
      });
      for (int b = 0; b < kOutputs; ++b) {
        const std::int64_t at = (j + b) * out.step + c;
        if (out.bias) sum[b] = hn::Add(sum[b], hn::LoadU(d, out.bias + c));
        if (out.addend) sum[b] = hn::Add(sum[b], hn::LoadU(d, out.addend + at));
        if (out.relu) sum[b] = hn::IfThenZeroElse(hn::Lt(sum[b], hn::Zero(d)), sum[b]);
        hn::StoreU(sum[b], d, out.y + at);
      }
    });
  });
}

/// f(row, channels) for all `rows` rows of outputs, `width` outputs long, on all threads. A chunk
/// is a good part of a picture where there are many rows, because those of x at its ends are read
/// twice.
template <class F>
void for_each_output_row(const Conv2dProblem& p, std::int64_t rows, std::int64_t width,
                         const F& f) {
  constexpr std::int64_t kEnoughChunks = 64;
  const std::int64_t grain = std::max(rows_per_chunk(width * p.c_out), rows / kEnoughChunks);
  parallel_ranges(rows, grain, [&](Range some) {
    for (std::int64_t row = some.begin; row < some.end; ++row) {
      for_each_channel_block(p.c_out, p.kh * p.kw, [&](Range channels) { f(row, channels); });
    }
  });
}

/// [c, kh, kw] as [kh, kw, c].
inline void transpose_filter(const Conv2dProblem& p, const float* w, float* transposed) {
  const std::int64_t taps = p.kh * p.kw;
  for (std::int64_t c = 0; c < p.c_out; ++c) {
    for (std::int64_t tap = 0; tap < taps; ++tap) transposed[tap * p.c_out + c] = w[c * taps + tap];
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
