// What the reductions have in common: which axes, and how runs of adjacent axes become the one
// dimension that a kernel reduces along. Several runs are reduced one after the other, the last
// first: nothing has to be transposed, each pass reads only what the one before has left, and the
// first of equal elements is the first in row-major order.
#pragma once

#include <algorithm>
#include <vector>

#include "engine/ops/checks.h"
#include "engine/run_variant.h"

namespace tl {

/// along[k]: whether dimension k is among `axes`, which may be negative (counted from the end). No
/// axes at all stand for all of them.
inline std::vector<bool> checked_axes(const char* op, const Shape& shape,
                                      const std::vector<int>& axes) {
  std::vector<bool> along(static_cast<std::size_t>(shape.rank()), axes.empty());
  for (const int axis : axes) {
    const auto k = static_cast<std::size_t>(checked_axis(op, shape, axis));
    check(!along[k], op, ": axis ", axis, " is named twice");
    along[k] = true;
  }
  return along;
}

/// The shape with those dimensions of extent 1, or without them.
inline Shape reduced_shape(const Shape& shape, const std::vector<bool>& along, bool keepdim) {
  std::vector<std::int64_t> dims;
  for (std::size_t k = 0; k < along.size(); ++k) {
    if (!along[k]) dims.push_back(shape.dims()[k]);
    if (along[k] && keepdim) dims.push_back(1);
  }
  return Shape(std::move(dims));
}

/// Calls f(begin, end) for every run of adjacent dimensions that are marked, the last first.
template <class F>
void for_each_run(const std::vector<bool>& along, const F& f) {
  for (std::size_t end = along.size(); end > 0; --end) {
    if (!along[end - 1]) continue;
    std::size_t begin = end - 1;
    while (begin > 0 && along[begin - 1]) --begin;
    f(static_cast<int>(begin), static_cast<int>(end));
    if (begin == 0) return;
    end = begin;  // the dimension in front of it is not marked
  }
}

/// Dimensions [begin, end) of a shape as the one that is reduced.
inline ReduceProblem reduce_problem(ReduceOp op, const Shape& shape, int begin, int end,
                                    DType dtype) {
  ReduceProblem p{.op = op, .dtype = dtype};
  for (int k = 0; k < shape.rank(); ++k) {
    (k < begin ? p.outer : k < end ? p.count : p.inner) *= shape[k];
  }
  return p;
}

/// x with dimensions [begin, end) reduced to extent 1. `position`, if given: i32, of that shape.
inline Tensor reduced(const ReduceProblem& p, const Tensor& x, Shape shape,
                      const Tensor& position = {}) {
  Tensor y = Tensor::empty(std::move(shape), x.dtype(), x.device());
  ReduceArgs args;
  args.x = x.readable();
  args.y = y.writable();
  if (position) args.position = position.writable();
  run_variant(y, y.backend().reduce.run, p, args);
  return y;
}

/// The sum along the marked dimensions, which keep extent 1. x needs no gradient.
inline Tensor sum_along(Tensor x, const std::vector<bool>& along) {
  for_each_run(along, [&](int begin, int end) {
    std::vector<std::int64_t> dims = x.shape().dims();
    std::fill(dims.begin() + begin, dims.begin() + end, 1);
    x = reduced(reduce_problem(ReduceOp::sum, x.shape(), begin, end, x.dtype()), x,
                Shape(std::move(dims)));
  });
  return x;
}

/// The sum of all rows of x [..., columns]: a bias's gradient, in the parameter_dtype of x.
inline Tensor sum_rows(const Tensor& x) {
  if (const DType dtype = parameter_dtype(x.dtype()); dtype != x.dtype()) {
    const Tensor wider = Tensor::empty(x.shape(), dtype, x.device());
    wider.backend().memory.cast(wider.stream(), x.readable(), wider.writable());
    return sum_rows(wider);
  }
  const std::int64_t columns = x.shape()[-1];
  const ReduceProblem p{
      .count = columns == 0 ? 0 : x.size() / columns, .inner = columns, .dtype = x.dtype()};
  return reduced(p, x, {columns});
}

}  // namespace tl
