// log_softmax: the contract of kernels/log_softmax.h. The maximum is taken out first, so that no
// exp() overflows.
#include <cmath>

#include "kernels/cuda/install.h"
#include "kernels/cuda/row_function.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

struct Forward {
  template <class T, class S>
  __device__ void operator()(const Row<T, 1, S>& x, T* y) const {
    const float max = x.max();
    const float log_sum = logf(x.sum([=](float v) { return expf(v - max); }));
    x.store(y, [=](float v) { return v - max - log_sum; });
  }
};

struct Backward {
  template <class T, class S>
  __device__ void operator()(const Row<T, 2, S>& y_dy, T* dx) const {
    const float sum = y_dy.sum([](float, float dy) { return dy; });
    y_dy.store(dx, [=](float y, float dy) { return dy - expf(y) * sum; });
  }
};

}  // namespace

void install_log_softmax(Backend& b) {
  b.log_softmax.forward = row_forward<Forward>("log_softmax.forward");
  b.log_softmax.backward = row_backward<Backward>("log_softmax.backward");
}

}  // namespace tl::TL_DEVICE_NAMESPACE
