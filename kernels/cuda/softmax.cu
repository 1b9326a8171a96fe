// softmax: the contract of kernels/softmax.h. The maximum is taken out first, so that no exp()
// overflows. exp() is computed twice, for the sum and for the result: that is cheaper than to keep
// it, as the memory sets the pace.
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
    const float factor = 1 / row.sum([=](float v) { return expf(v - max); });
    row.store(y + begin, [=](float v) { return expf(v - max) * factor; });
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
    const float sum = row.sum([](float p, float g) { return g * p; });
    row.store(dx + begin, [=](float p, float g) { return p * (g - sum); });
  }
};

void forward(Stream stream, std::int64_t columns, ConstView x_view, View y_view) {
  with_f32_or_bf16("softmax.forward", y_view.dtype, [&]<class T>(T) {
    const Forward<T> kernel = {x_view.as<T>(), y_view.as<T>(), columns};
    if (y_view.size == 0) return;
    run_rows<T>(stream, kernel, y_view.size / columns, columns, {kernel.x, kernel.y});
  });
}

void backward(Stream stream, std::int64_t columns, ConstView y_view, ConstView dy_view,
              View dx_view) {
  with_f32_or_bf16("softmax.backward", dx_view.dtype, [&]<class T>(T) {
    const Backward<T> kernel = {y_view.as<T>(), dy_view.as<T>(), dx_view.as<T>(), columns};
    if (dx_view.size == 0) return;
    run_rows<T>(stream, kernel, dx_view.size / columns, columns, {kernel.y, kernel.dy, kernel.dx});
  });
}

}  // namespace

void install_softmax(Backend& b) {
  b.softmax.forward = forward;
  b.softmax.backward = backward;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
