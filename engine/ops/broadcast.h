// Broadcasting, as in NumPy and PyTorch: shapes are aligned at their last dimension; where one of
// two has extent 1, or no such dimension, its elements are repeated along the other's.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/ops/reductions.h"

namespace tl {

/// The shape to which both fit; throws when there is none.
inline Shape broadcast_shape(const char* op, const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<std::int64_t> dims;
  for (int k = -rank; k < 0; ++k) {
    const std::int64_t of_a = k < -a.rank() ? 1 : a[k], of_b = k < -b.rank() ? 1 : b[k];
    check(of_a == of_b || of_a == 1 || of_b == 1, op, ": ", a, " and ", b,
          " do not fit: extents must be equal or 1");
    dims.push_back(of_a == 1 ? of_b : of_a);
  }
  return Shape(std::move(dims));
}

/// What the kernel needs to know to make y, of that shape, from a and b. Dimensions along which
/// both go on, both in the same manner, become one.
inline BinaryProblem broadcast_problem(BinaryOp op, const Shape& a, const Shape& b,
                                       const Shape& y) {
  struct Dim {
    std::int64_t extent, a_step, b_step;
  };
  std::vector<Dim> dims;  // innermost first
  std::int64_t a_step = 1, b_step = 1;
  for (int k = -1; k >= -y.rank(); --k) {
    const std::int64_t of_a = k < -a.rank() ? 1 : a[k], of_b = k < -b.rank() ? 1 : b[k];
    if (y[k] != 1) {
      const Dim dim{y[k], of_a == 1 ? 0 : a_step, of_b == 1 ? 0 : b_step};
      const auto continues = [&](std::int64_t step, std::int64_t inner) {
        return step == inner * dims.back().extent;  // 0 = 0 * extent: both repeat
      };
      if (!dims.empty() && continues(dim.a_step, dims.back().a_step) &&
          continues(dim.b_step, dims.back().b_step)) {
        dims.back().extent *= dim.extent;
      } else {
        dims.push_back(dim);
      }
    }
    a_step *= of_a;
    b_step *= of_b;
  }
  if (dims.empty()) dims.push_back({1, 1, 1});
  BinaryProblem p{.op = op, .rank = static_cast<int>(dims.size())};
  check(p.rank <= BinaryProblem::kMaxRank, name_of(op), ": ", a, " and ", b,
        " alternate between equal and repeated extents more than ", BinaryProblem::kMaxRank,
        " times");
  for (std::size_t k = 0; k < dims.size(); ++k) {
    const Dim& dim = dims[dims.size() - 1 - k];
    p.extents[k] = dim.extent;
    p.a_steps[k] = dim.a_step;
    p.b_steps[k] = dim.b_step;
  }
  return p;
}

/// The gradient of broadcasting: dy summed over everything along which `shape` was repeated.
inline Tensor sum_to(const Tensor& dy, const Shape& shape) {
  if (dy.shape() == shape) return dy;
  std::vector<bool> along;
  for (int k = -dy.rank(); k < 0; ++k) {
    along.push_back(k < -shape.rank() || (shape[k] == 1 && dy.shape()[k] != 1));
  }
  return sum_along(dy, along).viewed_as(shape);
}

/// x broadcast to `shape`, divided by a number: the gradient of a mean, of a sum with 1.
inline Tensor expanded(const Tensor& x, const Shape& shape, double divisor) {
  const Tensor number = Tensor::full({}, divisor, x.dtype(), x.device());
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  y.backend().elementwise.binary(y.stream(), broadcast_problem(BinaryOp::div, x.shape(), {}, shape),
                                 x.readable(), number.readable(), y.writable());
  return y;
}

}  // namespace tl
