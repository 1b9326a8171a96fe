// softmax: the contract of kernels/softmax.h. The maximum is taken out first, so that no exp()
// overflows. exp() is computed twice, for the sum and for the result: that is cheaper than to keep
// it, as the memory sets the pace.
#include <cmath>

#include "kernels/cuda/install.h"
#include "kernels/cuda/row_function.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

struct Forward {
  template <class T, class S>
  __device__ void operator()(const Row<T, 1, S>& x, T* y) const {
    const float max = x.max();
    const float factor = 1 / x.sum([=](float v) { return expf(v - max); });
    x.store(y, [=](float v) { return expf(v - max) * factor; });
  }
};

struct Backward {
  template <class T, class S>
  __device__ void operator()(const Row<T, 2, S>& y_dy, T* dx) const {
    const float sum = y_dy.sum([](float y, float dy) { return dy * y; });
    y_dy.store(dx, [=](float y, float dy) { return y * (dy - sum); });
  }
};

}  // namespace

void install_softmax(Backend& b) {
  b.softmax.forward = row_forward<Forward>("softmax.forward");
  b.softmax.backward = row_backward<Backward>("softmax.backward");
}

}  // namespace tl::TL_DEVICE_NAMESPACE
