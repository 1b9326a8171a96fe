// cast: y = x in another dtype        between float dtypes: dx = dy in that of x        saved:
// nothing
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {
namespace {

Tensor converted(const Tensor& x, DType dtype) {
  const Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  y.backend().memory.cast(y.stream(), x.readable(), y.writable());
  return y;
}

}  // namespace

Tensor cast(const Tensor& x, DType dtype) {
  if (dtype == x.dtype()) return x;
  const Tensor y = converted(x, dtype);
  if (!is_float(x.dtype()) || !is_float(dtype)) return no_gradient("cast", y, {x});
  return record("cast", y, {x}, [from = x.dtype()](const Tensor& dy, const Needs&) {
    return Gradients{converted(dy, from)};
  });
}

}  // namespace tl
