// log_softmax: y = x - log(sum over j of exp(x_j))
//   dx = dy - exp(y) * (sum over j of dy_j)        saved: y
#include "engine/ops.h"
#include "engine/ops/along_axis.h"
#include "engine/ops/checks.h"

namespace tl {
namespace {

Tensor log_softmax_of_rows(const Tensor& x) {
  const std::int64_t columns = x.shape()[-1];
  const Tensor y = Tensor::empty_like(x);
  y.backend().log_softmax.forward(y.stream(), columns, x.readable(), y.writable());
  return record("log_softmax", y, {x},
                [columns, y = Saved("log_softmax", y)](const Tensor& dy, const Needs&) {
                  const Tensor dx = Tensor::empty_like(dy);
                  dx.backend().log_softmax.backward(dx.stream(), columns, y.get().readable(),
                                                    dy.readable(), dx.writable());
                  return Gradients{dx};
                });
}

}  // namespace

Tensor log_softmax(const Tensor& x, int axis) {
  check_float("log_softmax", x);
  return along_axis("log_softmax", x, axis, log_softmax_of_rows);
}

}  // namespace tl
