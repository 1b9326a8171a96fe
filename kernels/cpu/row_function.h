// row_forward, row_backward: how functions of whole rows, softmax and log_softmax, come into their
// slots: buffers must be f32, and where there is nothing to do nothing is called.
#pragma once

#include <cstdint>

#include "kernels/cpu/floats.h"
#include "kernels/stream.h"

namespace tl::cpu {

/// A slot that calls kernel(x, y, rows, columns).
template <class Kernel>
auto row_forward(const char* op, const Kernel& kernel) {
  return [=](Stream, std::int64_t columns, ConstView x_view, View y_view) {
    const float* x = floats(op, x_view);
    float* y = floats(op, y_view);
    if (y_view.size > 0) kernel(x, y, y_view.size / columns, columns);
  };
}

/// A slot that calls kernel(y, dy, dx, rows, columns).
template <class Kernel>
auto row_backward(const char* op, const Kernel& kernel) {
  return [=](Stream, std::int64_t columns, ConstView y_view, ConstView dy_view, View dx_view) {
    const float* y = floats(op, y_view);
    const float* dy = floats(op, dy_view);
    float* dx = floats(op, dx_view);
    if (dx_view.size > 0) kernel(y, dy, dx, dx_view.size / columns, columns);
  };
}

}  // namespace tl::cpu
