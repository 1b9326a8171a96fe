// pad: y = x with a border that holds one value
// dx = dy without the border        saved: nothing
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/strided_copy.h"

namespace tl {

Tensor pad(const Tensor& x, const std::vector<std::int64_t>& before,
           const std::vector<std::int64_t>& after, double value) {
  const std::vector<std::int64_t> inner = x.shape().dims();
  check(before.size() == inner.size() && after.size() == inner.size(), "pad: ", x.shape(),
        " needs ", inner.size(), " borders before and after, got ", before.size(), " and ",
        after.size());
  std::vector<std::int64_t> outer;
  for (std::size_t k = 0; k < inner.size(); ++k) {
    check_extents("pad", {inner[k], before[k], after[k]});
    check(before[k] >= 0 && after[k] >= 0, "pad: a border is negative: ", before[k], " and ",
          after[k], " of axis ", k);
    outer.push_back(before[k] + inner[k] + after[k]);
  }
  const Shape padded(outer);
  const std::vector<std::int64_t> step = contiguous_steps(outer);
  std::int64_t offset = 0;
  for (std::size_t k = 0; k < inner.size(); ++k) offset += before[k] * step[k];

  const Tensor y = Tensor::full(padded, value, x.dtype(), x.device());
  strided_copy("pad", inner, x, contiguous_steps(inner), 0, y, step, offset);
  return record("pad", y, {x}, [inner, step, offset](const Tensor& dy, const Needs&) {
    const Tensor dx = Tensor::empty(Shape(inner), dy.dtype(), dy.device());
    strided_copy("pad", inner, dy, step, offset, dx, contiguous_steps(inner), 0);
    return Gradients{dx};
  });
}

}  // namespace tl
