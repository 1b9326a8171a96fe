// average_pool2d: y = mean of x over each window
//   dx = sum over the windows that hold it of dy / count (formulas: kernels/average_pool2d.h)
// saved: nothing
#include "engine/ops.h"
#include "engine/ops/average_pool.h"
#include "engine/ops/checks.h"
#include "engine/ops/problems.h"

namespace tl {

AveragePool2dProblem average_pool2d_problem(const char* op, const Shape& x,
                                            const AveragePool2dOptions& o) {
  check(x.rank() == 4 && x[1] > 0 && x[2] > 0, op, ": needs x [n, h > 0, w > 0, c], got ", x);
  check_extents(op, {x[1], x[2], o.kernel.h, o.kernel.w, o.stride.h, o.stride.w, o.pad.h, o.pad.w});
  check(o.kernel.least() >= 1 && o.stride.least() >= 1 && o.pad.least() >= 0 &&
            2 * o.pad.h <= o.kernel.h && 2 * o.pad.w <= o.kernel.w,
        op, ": kernel ", o.kernel, ", stride ", o.stride, ", pad ", o.pad,
        ": must be at least 1 (pad: 0 to half the kernel)");
  const AveragePool2dProblem p{
      .n = x[0],
      .c = x[3],
      .rows = AverageAxis::sliding(x[1], o.kernel.h, o.stride.h, o.pad.h, o.ceil_mode,
                                   o.count_include_pad),
      .columns = AverageAxis::sliding(x[2], o.kernel.w, o.stride.w, o.pad.w, o.ceil_mode,
                                      o.count_include_pad)};
  check(p.rows.outputs >= 1 && p.columns.outputs >= 1, op, ": x ", x, " with pad ", o.pad,
        " is smaller than the kernel ", o.kernel);
  return p;
}

Tensor average_pool2d(const Tensor& x, const AveragePool2dOptions& options) {
  check_float("average_pool2d", x);
  return average_pool("average_pool2d", x,
                      average_pool2d_problem("average_pool2d", x.shape(), options));
}

}  // namespace tl
