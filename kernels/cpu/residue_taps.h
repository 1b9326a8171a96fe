// Which taps of a convolution an element of its input meets, along one axis: what the gradient of x
// is made of.
//
// dx[ih] = sum of dy[oh] * w[r] over oh * stride - pad + r * dilation = ih. Which taps r can fulfil
// that depends only on ih modulo the stride. For the pixels ih = residue + stride * i of one
// residue they are r = first, first + period, ... with period = stride / gcd(stride, dilation), and
// tap number t of them reads
//
//   oh = i + (residue + pad - first * dilation) / stride - t * (dilation / gcd)
//
// which is a convolution of stride 1. Taps are taken in reverse order so that they step forwards
// through dy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace tl::cpu {

/// One residue of one axis, as above.
struct ResidueTaps {
  std::int64_t pixels = 0;    // how many i there are
  std::int64_t taps = 0;      // how many r
  std::int64_t last = 0;      // the last r, which is tap 0
  std::int64_t period = 1;    // from one r to the next
  std::int64_t origin = 0;    // oh of tap 0 for i = 0
  std::int64_t tap_step = 1;  // from the oh of one tap to that of the next

  ResidueTaps(std::int64_t residue, std::int64_t size, std::int64_t kernel, std::int64_t stride,
              std::int64_t pad, std::int64_t dilation) {
    const std::int64_t common = std::gcd(stride, dilation);
    period = stride / common;
    tap_step = dilation / common;
    pixels = residue < size ? (size - residue - 1) / stride + 1 : 0;
    std::int64_t first = 0;
    while (first < std::min(kernel, period) && (residue + pad - first * dilation) % stride != 0) {
      ++first;
    }
    if (first >= std::min(kernel, period)) return;
    taps = (kernel - 1 - first) / period + 1;
    last = first + (taps - 1) * period;
    origin = (residue + pad - last * dilation) / stride;
  }

  /// The r of tap `t`.
  std::int64_t kernel_index(std::int64_t t) const { return last - t * period; }
};

}  // namespace tl::cpu
