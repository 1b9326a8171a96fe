// Contract of reduce: one number from many, along the middle dimension of x [outer, count, inner].
//
//   sum:       y[o, i] = sum over k of x[o, k, i]; 0 where count is 0
//   max, min:  y[o, i] = the largest, smallest x[o, k, i]; count is at least 1. A NaN counts as
//              larger and as smaller than any number, so it is what y becomes.
//              position[o, i] = the first k at which x[o, k, i] is y[o, i]
//   scatter:   dx[o, k, i] = dy[o, i] where k = position[o, i], else 0: the gradient of max, min
//
// y, position, dy [outer, inner]; one float dtype. Adjacent dimensions that are reduced together
// are one `count`; others are reduced one after the other, the last first, so that "first" means
// row-major order. Outputs are overwritten and alias nothing. Deterministic. The gradient of a sum
// is a broadcast copy (elementwise.h).
#pragma once

#include <cstdint>
#include <ostream>

#include "kernels/slot.h"
#include "kernels/variant.h"

namespace tl {

enum class ReduceOp : std::uint8_t { sum, max, min };

constexpr const char* name_of(ReduceOp op) {
  constexpr const char* kNames[] = {"sum", "max", "min"};
  return kNames[static_cast<int>(op)];
}

struct ReduceProblem {
  ReduceOp op = ReduceOp::sum;
  std::int64_t outer = 1, count = 1, inner = 1;
  DType dtype = DType::f32;
  bool positions = false;  ///< of max and min; count is below 2^31 then

  std::int64_t x_size() const { return outer * count * inner; }
  std::int64_t y_size() const { return outer * inner; }
  /// Of x, y and position, each once.
  double bytes() const {
    return static_cast<double>(x_size() + y_size()) * static_cast<double>(size_of(dtype)) +
           (positions ? 4.0 * static_cast<double>(y_size()) : 0.0);
  }
};

std::ostream& operator<<(std::ostream& out, const ReduceProblem& p);

struct ReduceArgs {
  ConstView x;
  View y;
  View position;  ///< i32, with `positions`
  View workspace;
};

struct ReduceKernels {
  VariantSlot<ReduceProblem, ReduceArgs> run{"reduce"};

  Slot<void(Stream, const ReduceProblem&, ConstView dy, ConstView position, View dx)> scatter{
      "reduce.scatter"};
};

}  // namespace tl
