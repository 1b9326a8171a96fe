// global_average_pool: y = mean of x over h and w        dx = dy / (h * w), for every pixel
// saved: nothing
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {

Tensor global_average_pool(const Tensor& x) {
  check_float("global_average_pool", x);
  check(x.rank() == 4 && x.shape()[1] > 0 && x.shape()[2] > 0,
        "global_average_pool: needs x [n, h > 0, w > 0, c], got ", x.shape());
  const GlobalAveragePoolProblem p{
      .n = x.shape()[0], .h = x.shape()[1], .w = x.shape()[2], .c = x.shape()[3]};
  Tensor y = Tensor::empty({p.n, p.c}, x.dtype(), x.device());
  y.backend().global_average_pool.forward(y.stream(), p, x.readable(), y.writable());
  return record("global_average_pool", y, {x}, [p](const Tensor& dy, const Needs&) {
    Tensor dx = Tensor::empty({p.n, p.h, p.w, p.c}, dy.dtype(), dy.device());
    dx.backend().global_average_pool.backward(dx.stream(), p, dy.readable(), dx.writable());
    return Gradients{dx};
  });
}

}  // namespace tl
