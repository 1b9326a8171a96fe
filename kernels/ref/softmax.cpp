// softmax: the contract of kernels/softmax.h. The maximum is taken out first, so that no exp()
// overflows.
#include <algorithm>
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void forward(Stream, std::int64_t columns, ConstView x_view, View y_view) {
  if (y_view.size == 0) return;
  with_float_or_bf16("softmax.forward", y_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const std::int64_t rows = y_view.size / columns;
    for (std::int64_t i = 0; i < rows; ++i) {
      const T* x = x_view.as<T>() + i * columns;
      T* y = y_view.as<T>() + i * columns;
      const A max = *std::max_element(x, x + columns);
      A sum = 0;
      for (std::int64_t j = 0; j < columns; ++j) sum += std::exp(x[j] - max);
      for (std::int64_t j = 0; j < columns; ++j) {
        y[j] = static_cast<T>(std::exp(x[j] - max) / sum);
      }
    }
  });
}

void backward(Stream, std::int64_t columns, ConstView y_view, ConstView dy_view, View dx_view) {
  if (dx_view.size == 0) return;
  with_float_or_bf16("softmax.backward", dx_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const std::int64_t rows = dx_view.size / columns;
    for (std::int64_t i = 0; i < rows; ++i) {
      const T* y = y_view.as<T>() + i * columns;
      const T* dy = dy_view.as<T>() + i * columns;
      T* dx = dx_view.as<T>() + i * columns;
      A sum = 0;
      for (std::int64_t j = 0; j < columns; ++j) sum += A{dy[j]} * y[j];
      for (std::int64_t j = 0; j < columns; ++j) dx[j] = static_cast<T>(y[j] * (dy[j] - sum));
    }
  });
}

}  // namespace

void install_softmax(Backend& b) {
  b.softmax.forward = forward;
  b.softmax.backward = backward;
}

}  // namespace tl::ref
