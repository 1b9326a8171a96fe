// adam: the contract of kernels/adam.h, one launch for many parameters (tensor_list.cuh).
#include <cmath>
#include <vector>

#include "kernels/cuda/install.h"
#include "kernels/cuda/tensor_list.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

struct Parameter {
  float* w;
  const float* dw;
  float* m;
  float* v;
  BFloat16* bf16_w;  // nullptr: none
  std::int64_t size;
  std::int64_t missed;
};

struct Hyper {
  double beta1, beta2;
  float epsilon;
  float decay_in_g, decay_of_w;  // one of them is the weight decay, the other 0
};

__global__ void adam_step(TensorList<Parameter> list, Hyper hyper, const StepState* state) {
  // Powers in f64: for beta2 near 1 the correction cancels. One thread takes them for its block.
  __shared__ float m_correction, v_correction;
  if (threadIdx.x == 0) {
    const double step = static_cast<double>(state->step - list.entry[list.place()].missed);
    m_correction = static_cast<float>(1 - pow(hyper.beta1, step));
    v_correction = static_cast<float>(1 - pow(hyper.beta2, step));
  }
  __syncthreads();
  const float learning_rate = static_cast<float>(state->learning_rate);
  const float factor = static_cast<float>(state->gradient_factor);
  const float beta1 = static_cast<float>(hyper.beta1), rest1 = static_cast<float>(1 - hyper.beta1);
  const float beta2 = static_cast<float>(hyper.beta2), rest2 = static_cast<float>(1 - hyper.beta2);
  list.for_each_element([&](const Parameter& t, std::int64_t i) {
    const float w = t.w[i];
    const float g = factor * t.dw[i] + hyper.decay_in_g * w;
    const float m = beta1 * t.m[i] + rest1 * g;
    const float v = beta2 * t.v[i] + rest2 * g * g;
    t.m[i] = m;
    t.v[i] = v;
    const float u = (m / m_correction) / (sqrtf(v / v_correction) + hyper.epsilon);
    const float next = w - learning_rate * (u + hyper.decay_of_w * w);
    t.w[i] = next;
    if (t.bf16_w) t.bf16_w[i] = BFloat16(next);
  });
}

void step(Stream stream, const AdamProblem& p, std::span<const AdamTensor> tensors,
          const StepState* state) {
  std::vector<Parameter> parameters;
  for (const AdamTensor& t : tensors) {
    const std::int64_t size = t.w.size;
    check(t.dw.size == size && t.m.size == size && t.v.size == size &&
              (!t.bf16_w || t.bf16_w.size == size),
          "adam.step: w, dw, m, v and bf16_w must have one size, got ", size, ", ", t.dw.size, ", ",
          t.m.size, ", ", t.v.size, ", ", t.bf16_w.size);
    parameters.push_back({t.w.as<float>(), t.dw.as<float>(), t.m.as<float>(), t.v.as<float>(),
                          t.bf16_w ? t.bf16_w.as<BFloat16>() : nullptr, size, t.missed});
  }
  const float decay = static_cast<float>(p.weight_decay);
  const Hyper hyper = {p.beta1, p.beta2, static_cast<float>(p.epsilon), p.decoupled ? 0 : decay,
                       p.decoupled ? decay : 0};
  launch_over_tensors<adam_step>(stream, parameters, hyper, state);
}

}  // namespace

void install_adam(Backend& b) { b.adam.step = step; }

}  // namespace tl::TL_DEVICE_NAMESPACE
