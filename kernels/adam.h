// Contract of adam: one Adam or AdamW step over all parameters. Sources: Kingma and Ba, "Adam",
// 2015, algorithm 1, with PyTorch's placing of epsilon; Loshchilov and Hutter, "Decoupled weight
// decay regularization", 2019.
//
//   g = gradient_factor * dw + weight_decay * w               (decoupled: without weight_decay)
//   m = beta1 * m + (1 - beta1) * g          v = beta2 * v + (1 - beta2) * g^2
//   u = (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)      with t = step - missed
//   w -= learning_rate * u                   (decoupled: learning_rate * (u + weight_decay * w))
//
// The powers are taken in f64. w, m and v are updated in place and alias nothing. bf16_w, where
// there is one, becomes w rounded: the copy that mixed precision computes with. Deterministic.
#pragma once

#include <span>

#include "kernels/slot.h"
#include "kernels/step_state.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct AdamProblem {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = false;  ///< AdamW: the decay does not go through the moments
};

/// One parameter with its gradient and moments; all four of one size and dtype (f32 or f64).
struct AdamTensor {
  View w;
  ConstView dw;
  View m, v;
  std::int64_t missed = 0;  ///< steps in which this parameter took no part
  View bf16_w{};            ///< of the same size; may be absent
};

inline double bytes_of(std::span<const AdamTensor> tensors) {
  double bytes = 0;
  for (const AdamTensor& t : tensors) bytes += 4 * bytes_of(t.w) + bytes_of(t.bf16_w);
  return bytes;
}

struct AdamKernels {
  /// `tensors` lies in host memory and is read before the call returns; `state` is a device
  /// pointer, read when the kernel runs.
  Slot<void(Stream, const AdamProblem&, std::span<const AdamTensor> tensors,
            const StepState* state)>
      step{"adam.step"};
};

}  // namespace tl
