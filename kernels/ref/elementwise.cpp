// elementwise: the contract of kernels/elementwise.h, one loop each.
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void add(Stream, ConstView a_view, ConstView b_view, View y_view) {
  with_float("elementwise.add", y_view.dtype, [&]<class T>(T) {
    const T* a = a_view.as<T>();
    const T* b = b_view.as<T>();
    T* y = y_view.as<T>();
    for (std::int64_t i = 0; i < y_view.size; ++i) y[i] = a[i] + b[i];
  });
}

void accumulate(Stream, ConstView x_view, View y_view) {
  with_float("elementwise.accumulate", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    for (std::int64_t i = 0; i < y_view.size; ++i) y[i] += x[i];
  });
}

void relu(Stream, ConstView x_view, View y_view) {
  with_float("elementwise.relu", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    for (std::int64_t i = 0; i < y_view.size; ++i) y[i] = x[i] <= 0 ? 0 : x[i];  // keeps NaN
  });
}

void relu_backward(Stream, ConstView y_view, ConstView dy_view, View dx_view) {
  with_float("elementwise.relu_backward", dx_view.dtype, [&]<class T>(T) {
    const T* y = y_view.as<T>();
    const T* dy = dy_view.as<T>();
    T* dx = dx_view.as<T>();
    for (std::int64_t i = 0; i < dx_view.size; ++i) dx[i] = y[i] > 0 ? dy[i] : 0;
  });
}

}  // namespace

void install_elementwise(Backend& b) {
  b.elementwise.add = add;
  b.elementwise.accumulate = accumulate;
  b.elementwise.relu = relu;
  b.elementwise.relu_backward = relu_backward;
}

}  // namespace tl::ref
