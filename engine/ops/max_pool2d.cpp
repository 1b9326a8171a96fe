// max_pool2d: y = the largest x in each window        dx = dy, added where that x was
// saved: its position, per output element (i32, only if a gradient is needed)
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/problems.h"
#include "engine/run_variant.h"

namespace tl {

MaxPool2dProblem max_pool2d_problem(const char* op, const Shape& x, const MaxPool2dOptions& o) {
  check(x.rank() == 4 && x[1] > 0 && x[2] > 0, op, ": needs x [n, h > 0, w > 0, c], got ", x);
  check_extents(op, {x[1], x[2], o.kernel.h, o.kernel.w, o.stride.h, o.stride.w, o.pad.h, o.pad.w,
                     o.dilation.h, o.dilation.w});
  const auto fits = [](std::int64_t pad, std::int64_t dilation, std::int64_t kernel) {
    return 2 * pad <= dilation * (kernel - 1) + 1;
  };
  check(o.kernel.least() >= 1 && o.stride.least() >= 1 && o.dilation.least() >= 1 &&
            o.pad.least() >= 0 && fits(o.pad.h, o.dilation.h, o.kernel.h) &&
            fits(o.pad.w, o.dilation.w, o.kernel.w),
        op, ": kernel ", o.kernel, ", stride ", o.stride, ", pad ", o.pad, ", dilation ",
        o.dilation, ": must be at least 1 (pad: 0 to half of what a window spans)");
  const MaxPool2dProblem p{.n = x[0],
                           .h = x[1],
                           .w = x[2],
                           .c = x[3],
                           .kernel_h = o.kernel.h,
                           .kernel_w = o.kernel.w,
                           .stride_h = o.stride.h,
                           .stride_w = o.stride.w,
                           .pad_h = o.pad.h,
                           .pad_w = o.pad.w,
                           .dilation_h = o.dilation.h,
                           .dilation_w = o.dilation.w,
                           .ceil_mode = o.ceil_mode};
  check(p.out_h() >= 1 && p.out_w() >= 1, op, ": x ", x, " with pad ", o.pad,
        " is smaller than the kernel ", o.kernel, ", dilation ", o.dilation);
  check(p.h * p.w <= INT32_MAX, op, ": a picture of ", p.h, " x ", p.w, " is too large");
  return p;
}

Tensor max_pool2d(const Tensor& x, const MaxPool2dOptions& options) {
  check_float("max_pool2d", x);
  MaxPool2dProblem p = max_pool2d_problem("max_pool2d", x.shape(), options);
  p.dtype = x.dtype();
  p.positions = will_record({x});
  const Shape out{p.n, p.out_h(), p.out_w(), p.c};
  Tensor y = Tensor::empty(out, x.dtype(), x.device());
  Tensor position;
  if (p.positions) position = Tensor::empty(out, DType::i32, x.device());
  run_variant(y, y.backend().max_pool2d.forward, p,
              {x.readable(), y.writable(), position ? position.writable() : View{}, {}});

  return record("max_pool2d", y, {x},
                [p, shape = x.shape(), position = Saved("max_pool2d", position)](const Tensor& dy,
                                                                                 const Needs&) {
                  Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
                  run_variant(dx, dx.backend().max_pool2d.backward, p,
                              {dy.readable(), position.get().readable(), dx.writable(), {}});
                  return Gradients{dx};
                });
}

}  // namespace tl
