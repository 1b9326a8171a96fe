// sgd: the contract of kernels/sgd.h, one launch for many parameters (tensor_list.cuh).
#include <vector>

#include "kernels/cuda/install.h"
#include "kernels/cuda/tensor_list.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

struct Parameter {
  float* w;
  const float* dw;
  float* velocity;   // nullptr: no momentum
  BFloat16* bf16_w;  // nullptr: none
  std::int64_t size;
};

struct Hyper {
  float momentum, weight_decay;
  bool nesterov;
};

__global__ void sgd_step(TensorList<Parameter> list, Hyper hyper, const StepState* state) {
  const float learning_rate = static_cast<float>(state->learning_rate);
  const float factor = static_cast<float>(state->gradient_factor);
  const bool first = state->step == 1;  // the velocity holds nothing yet, and is not read
  list.for_each_element([&](const Parameter& t, std::int64_t i) {
    const float w = t.w[i];
    const float g = factor * t.dw[i] + hyper.weight_decay * w;
    float direction = g;
    if (t.velocity) {
      const float velocity = first ? g : hyper.momentum * t.velocity[i] + g;
      t.velocity[i] = velocity;
      direction = hyper.nesterov ? g + hyper.momentum * velocity : velocity;
    }
    const float next = w - learning_rate * direction;
    t.w[i] = next;
    if (t.bf16_w) t.bf16_w[i] = BFloat16(next);
  });
}

void step(Stream stream, const SgdProblem& p, std::span<const SgdTensor> tensors,
          const StepState* state) {
  std::vector<Parameter> parameters;
  for (const SgdTensor& t : tensors) {
    const bool moves = p.momentum != 0;
    const std::int64_t size = t.w.size;
    check(t.dw.size == size && (!moves || t.velocity.size == size) &&
              (!t.bf16_w || t.bf16_w.size == size),
          "sgd.step: w, dw, velocity and bf16_w must have one size, got ", size, ", ", t.dw.size,
          ", ", t.velocity.size, ", ", t.bf16_w.size);
    parameters.push_back({t.w.as<float>(), t.dw.as<float>(),
                          moves ? t.velocity.as<float>() : nullptr,
                          t.bf16_w ? t.bf16_w.as<BFloat16>() : nullptr, size});
  }
  const Hyper hyper = {static_cast<float>(p.momentum), static_cast<float>(p.weight_decay),
                       p.nesterov};
  launch_over_tensors<sgd_step>(stream, parameters, hyper, state);
}

}  // namespace

void install_sgd(Backend& b) { b.sgd.step = step; }

}  // namespace tl::TL_DEVICE_NAMESPACE
