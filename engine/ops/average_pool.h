// What average_pool2d and adaptive_average_pool2d have in common: all but the windows.
#pragma once

#include "engine/ops.h"

namespace tl {

inline Tensor average_pool(const char* op, const Tensor& x, const AveragePool2dProblem& p) {
  Tensor y = Tensor::empty({p.n, p.rows.outputs, p.columns.outputs, p.c}, x.dtype(), x.device());
  y.backend().average_pool2d.forward(y.stream(), p, x.readable(), y.writable());
  return record(op, y, {x}, [p, shape = x.shape()](const Tensor& dy, const Needs&) {
    Tensor dx = Tensor::empty(shape, dy.dtype(), dy.device());
    dx.backend().average_pool2d.backward(dx.stream(), p, dy.readable(), dx.writable());
    return Gradients{dx};
  });
}

}  // namespace tl
