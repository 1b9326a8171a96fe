// adam: the contract of kernels/adam.h.
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

template <class T>
void step_tensor(const AdamProblem& p, const AdamTensor& tensor, const StepState& state) {
  T* w = tensor.w.as<T>();
  const T* dw = tensor.dw.as<T>();
  T* m = tensor.m.as<T>();
  T* v = tensor.v.as<T>();
  const double step = static_cast<double>(state.step - tensor.missed);
  const T m_correction = static_cast<T>(1 - std::pow(p.beta1, step));
  const T v_correction = static_cast<T>(1 - std::pow(p.beta2, step));
  const T beta1 = static_cast<T>(p.beta1), one_minus_beta1 = static_cast<T>(1 - p.beta1);
  const T beta2 = static_cast<T>(p.beta2), one_minus_beta2 = static_cast<T>(1 - p.beta2);
  const T epsilon = static_cast<T>(p.epsilon);
  const T decay_in_g = static_cast<T>(p.decoupled ? 0 : p.weight_decay);
  const T decay_of_w = static_cast<T>(p.decoupled ? p.weight_decay : 0);
  const T learning_rate = static_cast<T>(state.learning_rate);
  const T gradient_factor = static_cast<T>(state.gradient_factor);

  BFloat16* bf16_w = tensor.bf16_w ? tensor.bf16_w.as<BFloat16>() : nullptr;
  for (std::int64_t i = 0; i < tensor.w.size; ++i) {
    const T g = gradient_factor * dw[i] + decay_in_g * w[i];
    m[i] = beta1 * m[i] + one_minus_beta1 * g;
    v[i] = beta2 * v[i] + one_minus_beta2 * g * g;
    const T u = (m[i] / m_correction) / (std::sqrt(v[i] / v_correction) + epsilon);
    w[i] -= learning_rate * (u + decay_of_w * w[i]);
    if (bf16_w) bf16_w[i] = BFloat16(static_cast<float>(w[i]));
  }
}

void step(Stream, const AdamProblem& p, std::span<const AdamTensor> tensors,
          const StepState* state) {
  for (const AdamTensor& tensor : tensors) {
    with_float("adam.step", tensor.w.dtype, [&]<class T>(T) { step_tensor<T>(p, tensor, *state); });
  }
}

}  // namespace

void install_adam(Backend& b) { b.adam.step = step; }

}  // namespace tl::ref
