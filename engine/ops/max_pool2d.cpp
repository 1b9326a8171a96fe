// max_pool2d: y = the largest x in each window        dx = dy, added where that x was
// saved: its position, per output element (i32, only if a gradient is needed)
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {

Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& o) {
  check_float("max_pool2d", x);
  check(x.rank() == 4, "max_pool2d: needs x [n, h, w, c], got ", x.shape());
  check(o.kernel >= 1 && o.stride >= 1 && o.pad >= 0 && 2 * o.pad <= o.kernel,
        "max_pool2d: kernel ", o.kernel, ", stride ", o.stride, ", pad ", o.pad,
        ": kernel and stride must be at least 1, pad at most half the kernel");
  const MaxPool2dProblem p{.n = x.shape()[0],
                           .h = x.shape()[1],
                           .w = x.shape()[2],
                           .c = x.shape()[3],
                           .kernel = o.kernel,
                           .stride = o.stride,
                           .pad = o.pad};
  check(p.h + 2 * p.pad >= p.kernel && p.w + 2 * p.pad >= p.kernel, "max_pool2d: x ", x.shape(),
        " with pad ", o.pad, " is smaller than the kernel ", o.kernel);
  check(p.h * p.w <= INT32_MAX, "max_pool2d: a picture of ", p.h, " x ", p.w, " is too large");

  const Shape out{p.n, p.out_h(), p.out_w(), p.c};
  Tensor y = Tensor::empty(out, x.dtype(), x.device());
  Tensor position;
  if (will_record({x})) position = Tensor::empty(out, DType::i32, x.device());
  y.backend().max_pool2d.forward(y.stream(), p, x.readable(), y.writable(),
                                 position ? position.writable() : View{});
  if (!position) return y;

  return record("max_pool2d", y, {x},
                [p, shape = x.shape(), position = Saved("max_pool2d", position)](const Tensor& dy,
                                                                                 const Needs&) {
                  Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
                  dx.backend().max_pool2d.backward(dx.stream(), p, dy.readable(),
                                                   position.get().readable(), dx.writable());
                  return Gradients{dx};
                });
}

}  // namespace tl
