// What average_pool2d and adaptive_average_pool2d have in common: all but the windows.
#pragma once

#include "engine/ops.h"
#include "engine/run_variant.h"

namespace tl {

/// `p` but for its dtype, which is x's.
inline Tensor average_pool(const char* op, const Tensor& x, AveragePool2dProblem p) {
  p.dtype = x.dtype();
  Tensor y = Tensor::empty({p.n, p.rows.outputs, p.columns.outputs, p.c}, x.dtype(), x.device());
  run_variant(y, y.backend().average_pool2d.forward, p, {x.readable(), y.writable(), {}});
  return record(op, y, {x}, [p, shape = x.shape()](const Tensor& dy, const Needs&) {
    Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
    run_variant(dx, dx.backend().average_pool2d.backward, p, {dy.readable(), dx.writable(), {}});
    return Gradients{dx};
  });
}

}  // namespace tl
