// ResizeWeights: which inputs each output of a one-dimensional resize takes, and how much of each.
#pragma once

#include <cstdint>
#include <vector>

namespace tl {

/// Fractional bits of a weight: 32 less 8 for the pixel and 2 against overflow of the sum.
inline constexpr int resize_weight_bits = 22;

/// The inputs of one output: first, first + 1, ... `count` of them.
struct ResizeInputs {
  std::int64_t first, count;
};

/// Of output i of a resize from `in` to `out` samples.
ResizeInputs resize_inputs(std::int64_t in, std::int64_t out, std::int64_t i);

/// The most inputs that an output of that resize may have.
std::int64_t most_resize_inputs(std::int64_t in, std::int64_t out);

/// Output i of the window is sum over t < count[i] of weights[i * stride + t] * input[first[i] +
/// t], plus one half, shifted right by resize_weight_bits. Weights behind count[i] are zero.
struct ResizeWeights {
  std::int64_t stride = 0;
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> count;
  std::vector<std::int32_t> weights;

  std::int64_t size() const { return static_cast<std::int64_t>(first.size()); }
  /// The inputs used by any output: [begin, end).
  std::int64_t begin() const { return first.front(); }
  std::int64_t end() const { return first.back() + count.back(); }
};

/// Weights of outputs [window_begin, window_begin + window_size) of a resize from `in` to `out`
/// samples. With s = in / out and r = max(s, 1), output i lies at c = (i + 1/2) s and input j
/// weighs max(0, 1 - |j + 1/2 - c| / r), normalised to sum 1. Formula, order of operations and
/// rounding are those of Pillow's Resample.c, for equal bits.
ResizeWeights bilinear_weights(std::int64_t in, std::int64_t out, std::int64_t window_begin,
                               std::int64_t window_size);

}  // namespace tl
