// reduce: the contract of kernels/reduce.h.
#include <algorithm>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void sum_rows(Stream, ConstView x_view, View y_view) {
  if (y_view.size == 0) return;
  with_float("reduce.sum_rows", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    const std::int64_t columns = y_view.size, rows = x_view.size / columns;
    std::fill_n(y, columns, T{0});
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) y[j] += x[i * columns + j];
    }
  });
}

}  // namespace

void install_reduce(Backend& b) { b.reduce.sum_rows = sum_rows; }

}  // namespace tl::ref
