// gather: the contract of kernels/gather.h.
#include <algorithm>
#include <vector>

#include "kernels/ref/install.h"
#include "kernels/ref/store.h"

namespace tl::ref {
namespace {

void rows(Stream, std::int64_t columns, ConstView x_view, ConstView index_view, View y_view) {
  if (y_view.size == 0) return;
  const std::int32_t* index = index_view.as<std::int32_t>();
  with_type(y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    for (std::int64_t i = 0; i < index_view.size; ++i) {
      std::copy_n(x + index[i] * columns, columns, y + i * columns);
    }
  });
}

void rows_backward(Stream, std::int64_t columns, ConstView dy_view, ConstView index_view,
                   View dx_view) {
  if (dx_view.size == 0) return;
  const std::int32_t* index = index_view.as<std::int32_t>();
  with_float_or_bf16("gather.rows_backward", dx_view.dtype, [&]<class T>(T) {
    const T* dy = dy_view.as<T>();
    std::vector<Arithmetic<T>> sums(static_cast<std::size_t>(dx_view.size));
    for (std::int64_t i = 0; i < index_view.size; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        sums[static_cast<std::size_t>(index[i] * columns + j)] += dy[i * columns + j];
      }
    }
    store(sums, dx_view.as<T>());
  });
}

}  // namespace

void install_gather(Backend& b) {
  b.gather.rows = rows;
  b.gather.rows_backward = rows_backward;
}

}  // namespace tl::ref
