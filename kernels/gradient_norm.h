// Contract of gradient_norm: the Euclidean norm of all gradients together, and the factor that
// brings it down to max_norm (PyTorch's clip_grad_norm_), left in the StepState for the optimizer's
// kernel: the host reads nothing.
//
//   state->gradient_norm = sqrt(sum over all elements of all gradients of g^2)
//   state->gradient_factor = min(1, max_norm / (gradient_norm + 1e-6))        a NaN stays one
//
// Gradients are f32 or f64, all of one dtype; sums are taken in f64. Each gradient is cut every
// kGradientNormChunk elements, and the chunks' sums are added in a fixed order. Deterministic.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/slot.h"
#include "kernels/step_state.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

constexpr std::int64_t kGradientNormChunk = 16384;

/// One gradient.
struct GradientNormTensor {
  ConstView dw;

  std::int64_t chunks() const { return (dw.size + kGradientNormChunk - 1) / kGradientNormChunk; }
};

inline std::int64_t gradient_norm_chunks(std::span<const GradientNormTensor> tensors) {
  std::int64_t chunks = 0;
  for (const GradientNormTensor& t : tensors) chunks += t.chunks();
  return chunks;
}

inline double bytes_of(std::span<const GradientNormTensor> tensors) {
  double bytes = 0;
  for (const GradientNormTensor& t : tensors) bytes += bytes_of(t.dw);
  return bytes;
}

struct GradientNormKernels {
  /// `tensors` in host memory, `state` a device pointer, as for adam.step; `workspace` f64
  /// [gradient_norm_chunks(tensors)], its contents undefined before and after.
  Slot<void(Stream, double max_norm, std::span<const GradientNormTensor> tensors, View workspace,
            StepState* state)>
      clip{"gradient_norm.clip"};
};

}  // namespace tl
