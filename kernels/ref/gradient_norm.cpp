// gradient_norm: the contract of kernels/gradient_norm.h, in one sum without chunks.
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

void clip(Stream, double max_norm, std::span<const GradientNormTensor> tensors, View,
          StepState* state) {
  double sum_sq = 0;
  for (const GradientNormTensor& tensor : tensors) {
    with_float("gradient_norm.clip", tensor.dw.dtype, [&]<class T>(T) {
      const T* dw = tensor.dw.as<T>();
      for (std::int64_t i = 0; i < tensor.dw.size; ++i) {
        const double g = static_cast<double>(dw[i]);
        sum_sq += g * g;
      }
    });
  }
  state->gradient_norm = std::sqrt(sum_sq);
  const double factor = max_norm / (state->gradient_norm + 1e-6);
  state->gradient_factor = factor > 1 ? 1 : factor;
}

}  // namespace

void install_gradient_norm(Backend& b) { b.gradient_norm.clip = clip; }

}  // namespace tl::ref
