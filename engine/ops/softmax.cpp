// softmax: y = exp(x) / sum over j of exp(x_j)        dx = y (dy - sum over j of dy_j y_j)
// saved: y
#include "engine/ops.h"
#include "engine/ops/along_axis.h"
#include "engine/ops/checks.h"

namespace tl {
namespace {

Tensor softmax_of_rows(const Tensor& x) {
  const std::int64_t columns = x.shape()[-1];
  const Tensor y = Tensor::empty_like(x);
  y.backend().softmax.forward(y.stream(), columns, x.readable(), y.writable());
  return record("softmax", y, {x},
                [columns, y = Saved("softmax", y)](const Tensor& dy, const Needs&) {
                  const Tensor dx = Tensor::empty_like(dy);
                  dx.backend().softmax.backward(dx.stream(), columns, y.get().readable(),
                                                dy.readable(), dx.writable());
                  return Gradients{dx};
                });
}

}  // namespace

Tensor softmax(const Tensor& x, int axis) {
  check_float("softmax", x);
  return along_axis("softmax", x, axis, softmax_of_rows);
}

}  // namespace tl
