// sgd: the contract of kernels/sgd.h.
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

template <class T>
void step_tensor(const SgdProblem& p, const SgdTensor& tensor, const StepState& state) {
  T* w = tensor.w.as<T>();
  const T* dw = tensor.dw.as<T>();
  T* velocity = p.momentum != 0 ? tensor.velocity.as<T>() : nullptr;
  const T learning_rate = static_cast<T>(state.learning_rate);
  const T gradient_factor = static_cast<T>(state.gradient_factor);
  const T momentum = static_cast<T>(p.momentum), weight_decay = static_cast<T>(p.weight_decay);
  BFloat16* bf16_w = tensor.bf16_w ? tensor.bf16_w.as<BFloat16>() : nullptr;
  for (std::int64_t i = 0; i < tensor.w.size; ++i) {
    const T g = gradient_factor * dw[i] + weight_decay * w[i];
    T direction = g;
    if (velocity) {
      velocity[i] = state.step == 1 ? g : momentum * velocity[i] + g;
      direction = p.nesterov ? g + momentum * velocity[i] : velocity[i];
    }
    w[i] -= learning_rate * direction;
    if (bf16_w) bf16_w[i] = BFloat16(static_cast<float>(w[i]));
  }
}

void sgd_step(Stream, const SgdProblem& p, std::span<const SgdTensor> tensors,
              const StepState* state) {
  for (const SgdTensor& tensor : tensors) {
    with_float("sgd.step", tensor.w.dtype, [&]<class T>(T) { step_tensor<T>(p, tensor, *state); });
  }
}

}  // namespace

void install_sgd(Backend& b) { b.sgd.step = sgd_step; }

}  // namespace tl::ref
