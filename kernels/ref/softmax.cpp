// softmax: the contract of kernels/softmax.h. The maximum is taken out first, so that no exp()
// overflows.
#include <algorithm>
#include <cmath>

#include "kernels/ref/install.h"
#include "kernels/ref/row_function.h"

namespace tl::ref {
namespace {

void softmax_forward(Stream, std::int64_t columns, ConstView x_view, View y_view) {
  for_each_row("softmax.forward", columns, y_view, [&]<class T, class A>(std::int64_t i) {
    const T* x = x_view.as<T>() + i;
    T* y = y_view.as<T>() + i;
    const A max = *std::max_element(x, x + columns);
    A sum = 0;
    for (std::int64_t j = 0; j < columns; ++j) sum += std::exp(x[j] - max);
    for (std::int64_t j = 0; j < columns; ++j) y[j] = static_cast<T>(std::exp(x[j] - max) / sum);
  });
}

void softmax_backward(Stream, std::int64_t columns, ConstView y_view, ConstView dy_view,
                      View dx_view) {
  for_each_row("softmax.backward", columns, dx_view, [&]<class T, class A>(std::int64_t i) {
    const T* y = y_view.as<T>() + i;
    const T* dy = dy_view.as<T>() + i;
    T* dx = dx_view.as<T>() + i;
    A sum = 0;
    for (std::int64_t j = 0; j < columns; ++j) sum += A{dy[j]} * y[j];
    for (std::int64_t j = 0; j < columns; ++j) dx[j] = static_cast<T>(y[j] * (dy[j] - sum));
  });
}

}  // namespace

void install_softmax(Backend& b) {
  b.softmax.forward = softmax_forward;
  b.softmax.backward = softmax_backward;
}

}  // namespace tl::ref
