// Contract of sgd: one step of stochastic gradient descent with momentum over all parameters, as
// PyTorch defines it (no dampening).
//
//   g = gradient_factor * dw + weight_decay * w
//   velocity = g in step 1, else momentum * velocity + g
//   w -= learning_rate * velocity            (momentum 0: w -= learning_rate * g)
//   nesterov: w -= learning_rate * (g + momentum * velocity)
//
// A velocity of zeros is as good as none: a parameter whose first step comes later has that.
// w and velocity are updated in place and alias nothing. bf16_w, where there is one, becomes w
// rounded: the copy that mixed precision computes with. Deterministic.
#pragma once

#include <span>

#include "kernels/slot.h"
#include "kernels/step_state.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct SgdProblem {
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;  ///< with momentum
};

/// One parameter; all of one size, and of one dtype (f32 or f64) but for bf16_w, which may be
/// absent. `velocity` is absent when momentum is 0.
struct SgdTensor {
  View w;
  ConstView dw;
  View velocity;
  View bf16_w{};
};

inline double bytes_of(std::span<const SgdTensor> tensors) {
  double bytes = 0;
  for (const SgdTensor& t : tensors)
    bytes += bytes_of(t.w) + bytes_of(t.dw) + bytes_of(t.velocity) + bytes_of(t.bf16_w);
  return bytes;
}

struct SgdKernels {
  /// As adam.step: `tensors` in host memory, `state` a device pointer.
  Slot<void(Stream, const SgdProblem&, std::span<const SgdTensor> tensors, const StepState* state)>
      step{"sgd.step"};
};

}  // namespace tl
