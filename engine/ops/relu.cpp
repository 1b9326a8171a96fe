// relu: y = max(x, 0)        dx = dy where y > 0, else 0        saved: y
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {

Tensor relu(const Tensor& x) {
  check_float("relu", x);
  Tensor y = Tensor::empty_like(x);
  y.backend().elementwise.relu(y.stream(), x.readable(), y.writable());
  return record("relu", y, {x}, [y = Saved("relu", y)](const Tensor& dy, const Needs&) {
    Tensor dx = Tensor::empty_like(dy);
    dx.backend().elementwise.relu_backward(dx.stream(), y.get().readable(), dy.readable(),
                                           dx.writable());
    return Gradients{dx};
  });
}

}  // namespace tl
