// log_softmax: y = x - log(sum over j of exp(x_j)) per row
//   dx = dy - exp(y) * (sum over j of dy_j)        saved: y
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {

Tensor log_softmax(const Tensor& x) {
  check_float("log_softmax", x);
  check(x.rank() == 2 && x.shape()[1] > 0, "log_softmax: needs [rows, columns > 0], got ",
        x.shape());
  const std::int64_t columns = x.shape()[1];
  Tensor y = Tensor::empty_like(x);
  y.backend().log_softmax.forward(y.stream(), columns, x.readable(), y.writable());
  return record("log_softmax", y, {x},
                [columns, y = Saved("log_softmax", y)](const Tensor& dy, const Needs&) {
                  Tensor dx = Tensor::empty_like(dy);
                  dx.backend().log_softmax.backward(dx.stream(), columns, y.get().readable(),
                                                    dy.readable(), dx.writable());
                  return Gradients{dx};
                });
}

}  // namespace tl
