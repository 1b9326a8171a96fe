// adaptive_average_pool2d: y = mean of x over each of out.h x out.w windows, window o of an axis
// being [floor(o size / out), ceil((o + 1) size / out))
//   dx = sum over the windows that hold it of dy / count (formulas: kernels/average_pool2d.h)
// saved: nothing
#include "engine/ops.h"
#include "engine/ops/average_pool.h"
#include "engine/ops/checks.h"

namespace tl {

Tensor adaptive_average_pool2d(const Tensor& x, Extent2 out) {
  const char* op = "adaptive_average_pool2d";
  check_float(op, x);
  const Shape& shape = x.shape();
  check(shape.rank() == 4 && shape[1] > 0 && shape[2] > 0, op,
        ": needs x [n, h > 0, w > 0, c], got ", shape);
  check(out.least() >= 1, op, ": the result must be at least 1 high and wide, got ", out);
  check_extents(op, {shape[1], shape[2], out.h, out.w});
  return average_pool(op, x,
                      {.n = shape[0],
                       .c = shape[3],
                       .rows = AverageAxis::adaptive(shape[1], out.h),
                       .columns = AverageAxis::adaptive(shape[2], out.w)});
}

}  // namespace tl
