// gradient_norm: one sum of squares per chunk, on all threads; then the chunks in order, on one.
#include "kernels/cpu/simd_target.h"
//
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gradient_norm.cpp"
#include "hwy/foreach_target.h"
//
#include <cmath>

#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace {

/// In f64. Four sums side by side, because one would wait for its own last addition.
double sum_of_squares(const float* x, Range range) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> of_floats;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto add_square = [&](std::int64_t i, hn::Vec<decltype(d)> sum) {
    const auto value = hn::PromoteTo(d, hn::LoadU(of_floats, x + i));
    return hn::MulAdd(value, value, sum);
  };
  auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  std::int64_t i = range.begin;
  for (; i + 4 * lanes <= range.end; i += 4 * lanes) {
    sum0 = add_square(i, sum0);
    sum1 = add_square(i + lanes, sum1);
    sum2 = add_square(i + 2 * lanes, sum2);
    sum3 = add_square(i + 3 * lanes, sum3);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
  for (; i < range.end; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

void sum_chunks(std::span<const GradientNormTensor> tensors, double* sums) {
  parallel_for(gradient_norm_chunks(tensors), [=](std::int64_t chunk, int) {
    std::int64_t own = chunk;
    for (const GradientNormTensor& tensor : tensors) {
      if (own < tensor.chunks()) {
        const Range range = chunk_range(tensor.dw.size, kGradientNormChunk, own);
        sums[chunk] = sum_of_squares(tensor.dw.as<float>(), range);
        return;
      }
      own -= tensor.chunks();
    }
  });
}

}  // namespace
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tl::cpu {
namespace {

HWY_EXPORT(sum_chunks);

void clip(Stream, double max_norm, std::span<const GradientNormTensor> tensors, View workspace,
          StepState* state) {
  for (const GradientNormTensor& tensor : tensors) {
    check_f32("gradient_norm.clip", tensor.dw.dtype);
  }
  double* sums = workspace.as<double>();
  HWY_DYNAMIC_DISPATCH(sum_chunks)(tensors, sums);
  double sum_sq = 0;
  for (std::int64_t i = 0; i < gradient_norm_chunks(tensors); ++i) sum_sq += sums[i];
  state->gradient_norm = std::sqrt(sum_sq);
  const double factor = max_norm / (state->gradient_norm + 1e-6);
  state->gradient_factor = factor > 1 ? 1 : factor;
}

}  // namespace

void install_gradient_norm(Backend& b) { b.gradient_norm.clip = clip; }

}  // namespace tl::cpu
#endif
