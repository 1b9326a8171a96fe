// adam: one pass over all parameters.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/adam.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"
#include "kernels/cpu/tensor_chunks.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void step(const AdamProblem& p, std::span<const AdamTensor> tensors, const StepState& state) {
  const float beta1 = static_cast<float>(p.beta1), rest1 = static_cast<float>(1 - p.beta1);
  const float beta2 = static_cast<float>(p.beta2), rest2 = static_cast<float>(1 - p.beta2);
  const float epsilon = static_cast<float>(p.epsilon);
  const float decay_in_g = static_cast<float>(p.decoupled ? 0 : p.weight_decay);
  const float decay_of_w = static_cast<float>(p.decoupled ? p.weight_decay : 0);
  const float learning_rate = static_cast<float>(state.learning_rate);
  const float gradient_factor = static_cast<float>(state.gradient_factor);

  parallel_tensors(tensors, [=, &p, &state](const AdamTensor& tensor, Range range) {
    const double own_step = static_cast<double>(state.step - tensor.missed);
    const float m_correction = static_cast<float>(1 - std::pow(p.beta1, own_step));
    const float v_correction = static_cast<float>(1 - std::pow(p.beta2, own_step));
    float* w = tensor.w.as<float>();
    const float* dw = tensor.dw.as<float>();
    float* m = tensor.m.as<float>();
    float* v = tensor.v.as<float>();
    for_each_vector(range, [=](auto d, std::int64_t i) {
      const auto old = hn::LoadU(d, w + i);
      const auto scaled = hn::Mul(hn::Set(d, gradient_factor), hn::LoadU(d, dw + i));
      const auto g = hn::MulAdd(hn::Set(d, decay_in_g), old, scaled);
      const auto new_m =
          hn::MulAdd(hn::Set(d, beta1), hn::LoadU(d, m + i), hn::Mul(hn::Set(d, rest1), g));
      const auto new_v = hn::MulAdd(hn::Set(d, beta2), hn::LoadU(d, v + i),
                                    hn::Mul(hn::Set(d, rest2), hn::Mul(g, g)));
      hn::StoreU(new_m, d, m + i);
      hn::StoreU(new_v, d, v + i);
      const auto step_size = hn::Div(new_m, hn::Set(d, m_correction));
      const auto root = hn::Sqrt(hn::Div(new_v, hn::Set(d, v_correction)));
      const auto ratio = hn::Div(step_size, hn::Add(root, hn::Set(d, epsilon)));
      const auto update = hn::MulAdd(hn::Set(d, decay_of_w), old, ratio);
      hn::StoreU(hn::NegMulAdd(hn::Set(d, learning_rate), update, old), d, w + i);
    });
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(step);

void run_step(Stream, const AdamProblem& p, std::span<const AdamTensor> tensors,
              const StepState* state) {
  for (const AdamTensor& tensor : tensors) {
    check_f32("adam.step", tensor.w.dtype);
    check(!tensor.bf16_w, "adam.step: cpu computes in f32 alone, got a bf16 copy of w");
  }
  HWY_DYNAMIC_DISPATCH(step)(p, tensors, *state);
}

}  // namespace

void install_adam(Backend& b) { b.adam.step = run_step; }

}  // namespace tl::cpu
#endif
