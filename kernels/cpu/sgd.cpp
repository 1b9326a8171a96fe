// sgd: one pass over all parameters.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/sgd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"
#include "kernels/cpu/tensor_chunks.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

void step(const SgdProblem& p, std::span<const SgdTensor> tensors, const StepState& state) {
  const float learning_rate = static_cast<float>(state.learning_rate);
  const float weight_decay = static_cast<float>(p.weight_decay);
  // In step 1 the velocity holds nothing yet and must not be read, not even times 0.
  const bool has_velocity = p.momentum != 0, first = state.step == 1;
  const float momentum = static_cast<float>(p.momentum);
  const float gradient_factor = static_cast<float>(state.gradient_factor);
  const bool nesterov = p.nesterov;

  parallel_tensors(tensors, [=](const SgdTensor& tensor, Range range) {
    float* w = tensor.w.as<float>();
    const float* dw = tensor.dw.as<float>();
    float* velocity = has_velocity ? tensor.velocity.as<float>() : nullptr;
    for_each_vector(range, [=](auto d, std::int64_t i) {
      const auto old = hn::LoadU(d, w + i);
      const auto scaled = hn::Mul(hn::Set(d, gradient_factor), hn::LoadU(d, dw + i));
      const auto g = hn::MulAdd(hn::Set(d, weight_decay), old, scaled);
      auto direction = g;
      if (velocity) {
        auto v = g;
        if (!first) v = hn::MulAdd(hn::Set(d, momentum), hn::LoadU(d, velocity + i), g);
        hn::StoreU(v, d, velocity + i);
        direction = nesterov ? hn::MulAdd(hn::Set(d, momentum), v, g) : v;
      }
      hn::StoreU(hn::NegMulAdd(hn::Set(d, learning_rate), direction, old), d, w + i);
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

void run_step(Stream, const SgdProblem& p, std::span<const SgdTensor> tensors,
              const StepState* state) {
  for (const SgdTensor& tensor : tensors) {
    check_f32("sgd.step", tensor.w.dtype);
    check(!tensor.bf16_w, "sgd.step: cpu computes in f32 alone, got a bf16 copy of w");
  }
  HWY_DYNAMIC_DISPATCH(step)(p, tensors, *state);
}

}  // namespace

void install_sgd(Backend& b) { b.sgd.step = run_step; }

}  // namespace tl::cpu
#endif
