// Contract of the elementwise kernels: y[i] from x[i], or from a[i] and b[i] with broadcasting. All
// buffers of a call have one float dtype; constants are rounded to what it computes in. The output
// is overwritten (accumulate: added to) and may alias any input of its own size. Deterministic. NaN
// in gives NaN out, but for x^0, which is 1.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

/// Functions of one number, with the constants a and b. Backward is given dy and `saved`.
///
///   op           y                           dx                                    saved
///   relu         max(x, 0)                   0 where y <= 0, else dy               y
///   leaky_relu   x where x > 0, else a x     dy where x > 0, else a dy             x
///   exp          e^x                         dy y                                  y
///   log          natural logarithm of x      dy / x                                x
///   sqrt         square root of x            dy / (2 y)                            y
///   tanh         tanh x                      dy (1 - y^2)                          y
///   sigmoid      1 / (1 + e^-x)              dy y (1 - y)                          y
///   clamp        min(max(x, a), b)           dy where a <= x <= b, else 0          x
///   pow          x^a                         dy a x^(a - 1); 0 where a = 0         x
///   scale        a x + b                     a dy                                  nothing
///
/// log, sqrt and pow are NaN where no real result exists; log 0 = -infinity; pow at 0, infinity and
/// NaN as std::pow. clamp with a > b is b everywhere.
enum class UnaryOp : std::uint8_t {
  relu,
  leaky_relu,
  exp,
  log,
  sqrt,
  tanh,
  sigmoid,
  clamp,
  pow,
  scale
};

constexpr const char* name_of(UnaryOp op) {
  constexpr const char* kNames[] = {"relu", "leaky_relu", "exp",   "log", "sqrt",
                                    "tanh", "sigmoid",    "clamp", "pow", "scale"};
  return kNames[static_cast<int>(op)];
}

/// What backward needs besides dy.
enum class SavedBy : std::uint8_t { nothing, x, y };

constexpr SavedBy saved_by(UnaryOp op) {
  switch (op) {
    case UnaryOp::relu:
    case UnaryOp::exp:
    case UnaryOp::sqrt:
    case UnaryOp::tanh:
    case UnaryOp::sigmoid:
      return SavedBy::y;
    case UnaryOp::scale:
      return SavedBy::nothing;
    default:
      return SavedBy::x;
  }
}

struct UnaryProblem {
  UnaryOp op = UnaryOp::relu;
  double a = 0, b = 0;
};

/// y = a + b, a - b, a * b, a / b.
enum class BinaryOp : std::uint8_t { add, sub, mul, div };

constexpr const char* name_of(BinaryOp op) {
  constexpr const char* kNames[] = {"add", "sub", "mul", "div"};
  return kNames[static_cast<int>(op)];
}

/// y is contiguous with `rank` dimensions, outermost first. Moving on by one in dimension k moves
/// on by a_steps[k] elements in a, b_steps[k] in b; a step of 0 repeats the element: broadcasting.
/// Steps of the innermost dimension are 0 or 1. Dimensions that a and b both pass through without a
/// jump are to be given as one.
struct BinaryProblem {
  static constexpr int kMaxRank = 8;
  using Dims = std::array<std::int64_t, kMaxRank>;

  BinaryOp op = BinaryOp::add;
  int rank = 1;
  Dims extents{}, a_steps{}, b_steps{};

  /// a, b and y of `size` elements each.
  static constexpr BinaryProblem plain(BinaryOp op, std::int64_t size) {
    return {.op = op, .rank = 1, .extents = {size}, .a_steps = {1}, .b_steps = {1}};
  }
  /// Elements of y.
  constexpr std::int64_t size() const {
    std::int64_t n = 1;
    for (int k = 0; k < rank; ++k) n *= extents[static_cast<std::size_t>(k)];
    return n;
  }
};

struct ElementwiseKernels {
  Slot<void(Stream, const UnaryProblem&, ConstView x, View y)> unary{"elementwise.unary"};

  /// `saved` as saved_by(op) says; absent where that is nothing.
  Slot<void(Stream, const UnaryProblem&, ConstView saved, ConstView dy, View dx)> unary_backward{
      "elementwise.unary_backward"};

  Slot<void(Stream, const BinaryProblem&, ConstView a, ConstView b, View y)> binary{
      "elementwise.binary"};

  /// y += x: how the engine sums the gradients of a tensor that is used more than once.
  Slot<void(Stream, ConstView x, View y)> accumulate{"elementwise.accumulate"};
};

}  // namespace tl
