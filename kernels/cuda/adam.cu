// adam: the contract of kernels/adam.h. A network has many small parameters, so one launch updates
// up to kTensorsPerLaunch of them: their addresses travel in the kernel's parameters, by value, and
// the blocks of the launch are dealt out to them in runs.
#include <cmath>

#include "kernels/cuda/check.h"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

constexpr int kTensorsPerLaunch = 64;
constexpr int kElementsPerBlock = 8 * kThreads;

struct Tensor {
  float* w;
  const float* dw;
  float* m;
  float* v;
  std::int64_t size;
  std::int64_t first_block;
  std::int64_t missed;
};

struct TensorList {
  Tensor tensor[kTensorsPerLaunch];
  int count;
};

/// What the elements of a block have in common, in the precision they are computed in.
struct Coefficients {
  float learning_rate, gradient_factor, m_correction, v_correction;
};

struct Hyper {
  double beta1, beta2;
  float epsilon;
  float decay_in_g, decay_of_w;  // one of them is the weight decay, the other 0
};

__global__ void adam_step(TensorList list, Hyper hyper, const StepState* state) {
  int k = list.count - 1;
  while (list.tensor[k].first_block > blockIdx.x) --k;
  const Tensor& t = list.tensor[k];

  __shared__ Coefficients shared;
  if (threadIdx.x == 0) {  // powers in f64: for beta2 near 1 the correction cancels
    const double step = static_cast<double>(state->step - t.missed);
    shared.learning_rate = static_cast<float>(state->learning_rate);
    shared.gradient_factor = static_cast<float>(state->gradient_factor);
    shared.m_correction = static_cast<float>(1 - pow(hyper.beta1, step));
    shared.v_correction = static_cast<float>(1 - pow(hyper.beta2, step));
  }
  __syncthreads();
  const Coefficients c = shared;
  const float beta1 = static_cast<float>(hyper.beta1), rest1 = static_cast<float>(1 - hyper.beta1);
  const float beta2 = static_cast<float>(hyper.beta2), rest2 = static_cast<float>(1 - hyper.beta2);

  const std::int64_t first = (blockIdx.x - t.first_block) * kElementsPerBlock;
  const std::int64_t end = min(first + kElementsPerBlock, t.size);
  for (std::int64_t i = first + threadIdx.x; i < end; i += kThreads) {
    const float g = c.gradient_factor * t.dw[i] + hyper.decay_in_g * t.w[i];
    const float m = beta1 * t.m[i] + rest1 * g;
    const float v = beta2 * t.v[i] + rest2 * g * g;
    t.m[i] = m;
    t.v[i] = v;
    const float u = (m / c.m_correction) / (sqrtf(v / c.v_correction) + hyper.epsilon);
    t.w[i] -= c.learning_rate * (u + hyper.decay_of_w * t.w[i]);
  }
}

Tensor describe(const AdamTensor& tensor, std::int64_t first_block) {
  const std::int64_t size = tensor.w.size;
  check(tensor.dw.size == size && tensor.m.size == size && tensor.v.size == size,
        "adam.step: w, dw, m and v must have one size, got ", size, ", ", tensor.dw.size, ", ",
        tensor.m.size, ", ", tensor.v.size);
  return {
      tensor.w.as<float>(), tensor.dw.as<float>(), tensor.m.as<float>(), tensor.v.as<float>(), size,
      first_block,          tensor.missed};
}

void step(Stream stream, const AdamProblem& p, std::span<const AdamTensor> tensors,
          const StepState* state) {
  const float decay = static_cast<float>(p.weight_decay);
  const Hyper hyper = {p.beta1, p.beta2, static_cast<float>(p.epsilon), p.decoupled ? 0 : decay,
                       p.decoupled ? decay : 0};
  TensorList list = {};
  std::int64_t blocks = 0;
  const auto flush = [&] {
    if (list.count == 0) return;
    launch<adam_step>(static_cast<unsigned>(blocks), kThreads, 0, native(stream), list, hyper,
                      state);
    list.count = 0;
    blocks = 0;
  };
  for (const AdamTensor& tensor : tensors) {
    if (tensor.w.size == 0) continue;
    if (list.count == kTensorsPerLaunch) flush();
    list.tensor[list.count++] = describe(tensor, blocks);
    blocks += ceil_div(tensor.w.size, kElementsPerBlock);
  }
  flush();
}

}  // namespace

void install_adam(Backend& b) { b.adam.step = step; }

}  // namespace tl::TL_DEVICE_NAMESPACE
