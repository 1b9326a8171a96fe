// transpose: y[i_0, i_1, ...] = x at the position whose dimension order[k] is i_k
// dx = dy in the opposite order        saved: nothing
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/strided_copy.h"

namespace tl {
namespace {

using Order = std::vector<std::size_t>;

Tensor transposed(const Tensor& x, const Order& order) {
  const std::vector<std::int64_t> x_step = contiguous_steps(x.shape().dims());
  std::vector<std::int64_t> extents, step;
  for (const std::size_t source : order) {
    extents.push_back(x.shape().dims()[source]);
    step.push_back(x_step[source]);
  }
  const Tensor y = Tensor::empty(Shape(extents), x.dtype(), x.device());
  strided_copy("transpose", extents, x, step, 0, y, contiguous_steps(extents), 0);
  return y;
}

Order checked_order(const Shape& shape, const std::vector<int>& order) {
  const auto rank = static_cast<std::size_t>(shape.rank());
  std::vector<bool> named(rank);
  Order sources;
  for (const int axis : order) {
    const auto source = static_cast<std::size_t>(checked_axis("transpose", shape, axis));
    check(!named[source], "transpose: the order names axis ", axis, " of ", shape, " twice");
    named[source] = true;
    sources.push_back(source);
  }
  check(order.size() == rank, "transpose: the order names ", order.size(), " axes of ", shape);
  return sources;
}

}  // namespace

Tensor transpose(const Tensor& x, const std::vector<int>& order) {
  const Order sources = checked_order(x.shape(), order);
  return record("transpose", transposed(x, sources), {x},
                [sources](const Tensor& dy, const Needs&) {
                  Order opposite(sources.size());
                  for (std::size_t i = 0; i < sources.size(); ++i) opposite[sources[i]] = i;
                  return Gradients{transposed(dy, opposite)};
                });
}

}  // namespace tl
