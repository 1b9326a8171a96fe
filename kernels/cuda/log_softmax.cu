// log_softmax: the contract of kernels/log_softmax.h. The maximum is taken out first, so that no
// exp() overflows.
#include <cmath>

#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/row.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

template <class T>
struct Forward {
  const T* x;
  T* y;
  std::int64_t columns;

  template <class S>
  __device__ void operator()(std::int64_t begin) const {
    const Row<T, 1, S> row(columns, {x + begin});
    const float max = row.max();
    const float log_sum = logf(row.sum([=](float v) { return expf(v - max); }));
    row.store(y + begin, [=](float v) { return v - max - log_sum; });
  }
};

template <class T>
struct Backward {
  const T* y;
  const T* dy;
  T* dx;
  std::int64_t columns;

  template <class S>
  __device__ void operator()(std::int64_t begin) const {
    const Row<T, 2, S> row(columns, {y + begin, dy + begin});
    const float sum = row.sum([](float, float g) { return g; });
    row.store(dx + begin, [=](float log_p, float g) { return g - expf(log_p) * sum; });
  }
};

void forward(Stream stream, std::int64_t columns, ConstView x_view, View y_view) {
  with_f32_or_bf16("log_softmax.forward", y_view.dtype, [&]<class T>(T) {
    const Forward<T> kernel = {x_view.as<T>(), y_view.as<T>(), columns};
    if (y_view.size == 0) return;
    run_rows<T>(stream, kernel, y_view.size / columns, columns, {kernel.x, kernel.y});
  });
}

void backward(Stream stream, std::int64_t columns, ConstView y_view, ConstView dy_view,
              View dx_view) {
  with_f32_or_bf16("log_softmax.backward", dx_view.dtype, [&]<class T>(T) {
    const Backward<T> kernel = {y_view.as<T>(), dy_view.as<T>(), dx_view.as<T>(), columns};
    if (dx_view.size == 0) return;
    run_rows<T>(stream, kernel, dx_view.size / columns, columns, {kernel.y, kernel.dy, kernel.dx});
  });
}

}  // namespace

void install_log_softmax(Backend& b) {
  b.log_softmax.forward = forward;
  b.log_softmax.backward = backward;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
