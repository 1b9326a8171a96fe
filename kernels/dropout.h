// Contract of dropout: each element is kept or dropped by a random number of its own.
//
//   y[i] = word(i) >= rate * 2^32 ? x[i] * s : 0        s = 1 / (1 - rate), in f32 or f64
//   dx   = the same kernel on dy
//
// word(i) is number i of Philox stream `call` of `seed` (philox.h), the same on every device and
// for any number of threads, so the mask is never stored. Captured work has its `call` for ever:
// each replay moves on to other streams by *call_offset. What is dropped is 0, NaN as well. Source:
// Srivastava et al., "Dropout", JMLR 2014, with the scaling moved to training. y is overwritten and
// may alias x; one float dtype. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct DropoutProblem {
  double rate = 0.5;  ///< in [0, 1]; 1 drops everything
  std::uint64_t seed = 0, call = 0;
  const std::uint64_t* call_offset = nullptr;  ///< added to `call`; in device memory; absent: 0

  /// Words below it drop their element; up to 2^32, which no word reaches.
  std::uint64_t threshold() const { return static_cast<std::uint64_t>(rate * 0x1p32); }
  double scale() const { return rate < 1 ? 1 / (1 - rate) : 0; }
};

struct DropoutKernels {
  Slot<void(Stream, const DropoutProblem&, ConstView x, View y)> run{"dropout"};
};

}  // namespace tl
