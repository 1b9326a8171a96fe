// slice: y = every step-th position of x from begin to below end, along one axis
// dx = dy at those positions, else 0        saved: nothing
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/strided_copy.h"

namespace tl {

Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end, std::int64_t step) {
  const auto k = static_cast<std::size_t>(checked_axis("slice", x.shape(), axis));
  std::vector<std::int64_t> extents = x.shape().dims();
  check(0 <= begin && begin <= end && end <= extents[k], "slice: [", begin, ", ", end,
        ") is not within axis ", axis, " of ", x.shape());
  check(step >= 1, "slice: needs a step of 1 or more, got ", step);
  std::vector<std::int64_t> x_step = contiguous_steps(extents);
  const std::int64_t offset = begin * x_step[k];
  extents[k] = end == begin ? 0 : (end - begin - 1) / step + 1;
  if (extents[k] > 1) x_step[k] *= step;

  const Tensor y = Tensor::empty(Shape(extents), x.dtype(), x.device());
  strided_copy("slice", extents, x, x_step, offset, y, contiguous_steps(extents), 0);
  return record("slice", y, {x},
                [extents, x_step, offset, shape = x.shape()](const Tensor& dy, const Needs&) {
                  const Tensor dx = Tensor::zeros(shape, dy.dtype(), dy.device());
                  strided_copy("slice", extents, dy, contiguous_steps(extents), 0, dx, x_step,
                               offset);
                  return Gradients{dx};
                });
}

}  // namespace tl
