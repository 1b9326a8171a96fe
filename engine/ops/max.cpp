// max, min: y = the largest, smallest x along some axes; a NaN, if there is one
//   dx = dy where that x is, the first in row-major order of those axes if there are equals; else 0
// saved: its position, per element of y (i32, only if a gradient is needed)
// argmax: that position along one axis; no gradient
#include <limits>

#include "engine/ops.h"
#include "engine/ops/reductions.h"

namespace tl {
namespace {

/// Throws where there is nothing to choose from.
ReduceProblem extreme_problem(const char* op, ReduceOp reduce_op, const Tensor& x, int begin,
                              int end, bool positions) {
  ReduceProblem p = reduce_problem(reduce_op, x.shape(), begin, end, x.dtype());
  p.positions = positions;
  check(p.count > 0, op, ": ", x.shape(), " has no elements along the axes");
  check(!positions || p.count <= std::numeric_limits<std::int32_t>::max(), op, ": ", x.shape(),
        " has more than 2^31 - 1 elements along the axes");
  return p;
}

/// x with dimensions [begin, end) reduced to extent 1.
Tensor extreme_of_run(ReduceOp reduce_op, const Tensor& x, int begin, int end) {
  const char* op = name_of(reduce_op);
  const ReduceProblem p = extreme_problem(op, reduce_op, x, begin, end, will_record({x}));
  std::vector<std::int64_t> dims = x.shape().dims();
  std::fill(dims.begin() + begin, dims.begin() + end, 1);
  const Shape shape(std::move(dims));
  Tensor position;
  if (p.positions) position = Tensor::empty(shape, DType::i32, x.device());
  const Tensor y = reduced(p, x, shape, position);
  return record(
      op, y, {x},
      [p, shape = x.shape(), position = Saved(op, position)](const Tensor& dy, const Needs&) {
        Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
        dx.backend().reduce.scatter(dx.stream(), p, dy.readable(), position.get().readable(),
                                    dx.writable());
        return Gradients{dx};
      });
}

Tensor extreme(ReduceOp op, const Tensor& x, const std::vector<int>& axes, bool keepdim) {
  check_float(name_of(op), x);
  const std::vector<bool> along = checked_axes(name_of(op), x.shape(), axes);
  Tensor y = x;
  for_each_run(along, [&](int begin, int end) { y = extreme_of_run(op, y, begin, end); });
  return reshape(y, reduced_shape(x.shape(), along, keepdim));
}

}  // namespace

Tensor max(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
  return extreme(ReduceOp::max, x, axes, keepdim);
}

Tensor min(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
  return extreme(ReduceOp::min, x, axes, keepdim);
}

Tensor argmax(const Tensor& x, int axis, bool keepdim) {
  check_float("argmax", x);
  const std::vector<bool> along = checked_axes("argmax", x.shape(), {axis});
  const int k = checked_axis("argmax", x.shape(), axis);
  const ReduceProblem p = extreme_problem("argmax", ReduceOp::max, x, k, k + 1, true);
  const Shape shape = reduced_shape(x.shape(), along, keepdim);
  Tensor position = Tensor::empty(shape, DType::i32, x.device());
  reduced(p, x, shape, position);
  return no_gradient("argmax", position, {x});
}

}  // namespace tl
