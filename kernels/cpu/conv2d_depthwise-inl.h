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

#include "hwy/highway.h"
#include "kernels/conv2d.h"
#include "kernels/cpu/ranges.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Outputs of a block, whose sums and pixels are to fit the registers.
#if HWY_TARGET <= HWY_AVX3
constexpr int kBlockOutputs = 8;
#else
constexpr int kBlockOutputs = 4;
#endif

/// body(d, c) for all channels, by whole vectors, then by vectors of 4 lanes, then of one: networks
/// have 24 or 40 channels where a vector may have 16. Nothing is read past the end.
template <class Body>
HWY_INLINE void for_each_channel_vector(std::int64_t channels, const Body& body) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 4> four;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) body(d, c);
  for (; c + 4 <= channels; c += 4) body(four, c);
  for (; c < channels; ++c) body(one, c);
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

/// How many outputs a block has; how many taps of a row are neighbours, and by how many pixels its
/// outputs are apart, where that is known (else 0).
template <int kOutputsOf, int kTapsOf = 0, int kStepOf = 0>
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

/// f(shape, j, taps) for all outputs j of row `i`, block by block.
template <class F>
HWY_INLINE void for_each_block(const DepthwiseAxis& h, const DepthwiseAxis& w, std::int64_t i,
                               std::int64_t channels, const F& f) {
  const Range of_h = h.taps_of(i), inside = w.inside();
  std::int64_t j = 0;
  const auto one_by_one = [&](std::int64_t end) {
    for (; j < end; ++j) {
      f(BlockShape<1>(), j, BlockTaps(h, w, i, of_h, j, w.taps_of(j), channels));
    }
  };
  one_by_one(inside.begin);
  const bool neighbours = w.taps == 3 && w.tap_step == 1;
  for (; j + kBlockOutputs <= inside.end; j += kBlockOutputs) {
    const BlockTaps taps(h, w, i, of_h, j, {0, w.taps}, channels);
    if (neighbours && w.step == 1) {
      f(BlockShape<kBlockOutputs, 3, 1>(), j, taps);
    } else if (neighbours && w.step == 2) {
      f(BlockShape<kBlockOutputs, 3, 2>(), j, taps);
    } else {
      f(BlockShape<kBlockOutputs>(), j, taps);
    }
  }
  one_by_one(w.outputs);
}

/// f(w, x_of) for every tap: w is where the tap stands in the filter, x_of(b) what output b of the
/// block reads for it, from the channels at `x` on.
template <class Shape, class D, class F>
HWY_INLINE void for_each_tap(Shape, D d, const BlockTaps& taps, const float* x, const F& f) {
  for (std::int64_t r = 0; r < taps.rows; ++r) {
    const std::int64_t x_row = taps.x + r * taps.x_row, w_row = taps.w + r * taps.w_row;
    if constexpr (Shape::kTaps > 0) {
      constexpr int kPixels = (Shape::kOutputs - 1) * Shape::kStep + Shape::kTaps;
      hn::Vec<D> pixels[kPixels];
      for (int k = 0; k < kPixels; ++k) pixels[k] = hn::LoadU(d, x + x_row + k * taps.x_column);
      for (int s = 0; s < Shape::kTaps; ++s) {
        f(w_row + s * taps.w_column, [&](int b) { return pixels[b * Shape::kStep + s]; });
      }
    } else {
      for (std::int64_t s = 0; s < taps.columns; ++s) {
        const float* first = x + x_row + s * taps.x_column;
        f(w_row + s * taps.w_column,
          [&](int b) { return hn::LoadU(d, first + b * taps.x_output); });
      }
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

/// Row `i` of the outputs of one picture.
inline void filter_row(const DepthwiseAxis& h, const DepthwiseAxis& w_axis, std::int64_t i,
                       std::int64_t channels, const float* x, const float* w,
                       const DepthwiseOutput& out) {
  for_each_block(h, w_axis, i, channels, [&](auto shape, std::int64_t j, const BlockTaps& taps) {
    for_each_channel_vector(channels, [&](auto d, std::int64_t c) {
      constexpr int kOutputs = decltype(shape)::kOutputs;
      hn::Vec<decltype(d)> sum[kOutputs];
      for (auto& s : sum) s = hn::Zero(d);
      for_each_tap(shape, d, taps, x + c, [&](std::int64_t at, const auto& x_of) {
        const auto weight = hn::LoadU(d, w + at + c);
        for (int b = 0; b < kOutputs; ++b) sum[b] = hn::MulAdd(x_of(b), weight, sum[b]);
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

/// f(row) for all `rows` outputs rows of `floats` each, on all threads. A chunk is a good part of a
/// picture where there are many, because the rows at its ends are read twice.
template <class F>
void for_each_output_row(std::int64_t rows, std::int64_t floats, const F& f) {
  constexpr std::int64_t kEnoughChunks = 64;
  const std::int64_t grain = std::max(rows_per_chunk(floats), rows / kEnoughChunks);
  parallel_ranges(rows, grain, [&](Range some) {
    for (std::int64_t row = some.begin; row < some.end; ++row) f(row);
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
