// max_pool2d: y = the largest x in each window        dx = dy, added where that x was
// saved: its position, per output element (i32, only if a gradient is needed)
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/problems.h"

namespace tl {

MaxPool2dProblem max_pool2d_problem(const char* op, const Shape& x, const MaxPool2dOptions& o) {
  check(x.rank() == 4, op, ": needs x [n, h, w, c], got ", x);
  check_extents(op, {x[1], x[2], o.kernel, o.stride, o.pad});
  check(o.kernel >= 1 && o.stride >= 1 && o.pad >= 0 && 2 * o.pad <= o.kernel, op, ": kernel ",
        o.kernel, ", stride ", o.stride, ", pad ", o.pad,
        ": kernel and stride must be at least 1, pad at most half the kernel");
  const MaxPool2dProblem p{.n = x[0],
                           .h = x[1],
                           .w = x[2],
                           .c = x[3],
                           .kernel = o.kernel,
                           .stride = o.stride,
                           .pad = o.pad};
  check(p.h + 2 * p.pad >= p.kernel && p.w + 2 * p.pad >= p.kernel, op, ": x ", x, " with pad ",
        o.pad, " is smaller than the kernel ", o.kernel);
  check(p.h * p.w <= INT32_MAX, op, ": a picture of ", p.h, " x ", p.w, " is too large");
  return p;
}

Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options) {
  check_float("max_pool2d", x);
  const MaxPool2dProblem p = max_pool2d_problem("max_pool2d", x.shape(), options);
  const Shape out{p.n, p.out_h(), p.out_w(), p.c};
  Tensor y = Tensor::empty(out, x.dtype(), x.device());
  Tensor position;
  if (will_record({x})) position = Tensor::empty(out, DType::i32, x.device());
  y.backend().max_pool2d.forward(y.stream(), p, x.readable(), y.writable(),
                                 position ? position.writable() : View{});

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
