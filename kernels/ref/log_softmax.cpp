// log_softmax: the contract of kernels/log_softmax.h. The maximum is taken out first, so that no
// exp() overflows.
#include <algorithm>
#include <cmath>

#include "kernels/ref/install.h"
#include "kernels/ref/row_function.h"

namespace tl::ref {
namespace {

void log_softmax_forward(Stream, std::int64_t columns, ConstView x_view, View y_view) {
  for_each_row("log_softmax.forward", columns, y_view, [&]<class T, class A>(std::int64_t i) {
    const T* x = x_view.as<T>() + i;
    T* y = y_view.as<T>() + i;
    const A max = *std::max_element(x, x + columns);
    A sum = 0;
    for (std::int64_t j = 0; j < columns; ++j) sum += std::exp(x[j] - max);
    for (std::int64_t j = 0; j < columns; ++j) y[j] = static_cast<T>(x[j] - max - std::log(sum));
  });
}

void log_softmax_backward(Stream, std::int64_t columns, ConstView y_view, ConstView dy_view,
                          View dx_view) {
  for_each_row("log_softmax.backward", columns, dx_view, [&]<class T, class A>(std::int64_t i) {
    const T* y = y_view.as<T>() + i;
    const T* dy = dy_view.as<T>() + i;
    T* dx = dx_view.as<T>() + i;
    A sum = 0;
    for (std::int64_t j = 0; j < columns; ++j) sum += dy[j];
    for (std::int64_t j = 0; j < columns; ++j) {
      dx[j] = static_cast<T>(dy[j] - std::exp(A{y[j]}) * sum);
    }
  });
}

}  // namespace

void install_log_softmax(Backend& b) {
  b.log_softmax.forward = log_softmax_forward;
  b.log_softmax.backward = log_softmax_backward;
}

}  // namespace tl::ref
