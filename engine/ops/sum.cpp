// sum: y = sum of x along some axes                               dx = dy, repeated along them
// mean: that over the number n of its terms; NaN for n = 0        dx = dy / n
// saved: nothing
#include "engine/ops.h"
#include "engine/ops/broadcast.h"

namespace tl {
namespace {

/// The sum divided by `divisor(n)` for the n elements behind each of its own.
template <class Divisor>
Tensor divided_sum(const char* op, const Tensor& x, const std::vector<int>& axes, bool keepdim,
                   const Divisor& divisor) {
  check_float(op, x);
  const std::vector<bool> along = checked_axes(op, x.shape(), axes);
  const Shape kept = reduced_shape(x.shape(), along, true);
  double n = 1;
  for (int k = 0; k < x.rank(); ++k) {
    if (along[static_cast<std::size_t>(k)]) n *= static_cast<double>(x.shape()[k]);
  }
  const double by = divisor(n);
  Tensor y = sum_along(x.detached(), along);
  if (by != 1) y = expanded(y, kept, by);
  return record(op, y.viewed_as(reduced_shape(x.shape(), along, keepdim)), {x},
                [shape = x.shape(), kept, by](const Tensor& dy, const Needs&) {
                  return Gradients{expanded(dy.viewed_as(kept), shape, by)};
                });
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
  return divided_sum("sum", x, axes, keepdim, [](double) { return 1.0; });
}

Tensor mean(const Tensor& x, const std::vector<int>& axes, bool keepdim) {
  return divided_sum("mean", x, axes, keepdim, [](double n) { return n; });
}

}  // namespace tl
