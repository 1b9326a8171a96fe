// Contract of adam: one Adam step over all parameters. Source: Kingma and Ba, "Adam", 2015,
// algorithm 1, with PyTorch's placing of epsilon.
//
//   m = beta1 * m + (1 - beta1) * g          v = beta2 * v + (1 - beta2) * g^2
//   w -= learning_rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon)
//   with g = dw + weight_decay * w
//
// The powers are taken in f64. w, m and v are updated in place and alias nothing. Deterministic.
#pragma once

#include <span>

#include "kernels/slot.h"
#include "kernels/step_state.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct AdamProblem {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
};

/// One parameter with its gradient and moments; all four of one size and dtype (f32 or f64).
struct AdamTensor {
  View w;
  ConstView dw;
  View m, v;
};

struct AdamKernels {
  /// `tensors` lies in host memory and is read before the call returns; `state` is a device
  /// pointer, read when the kernel runs.
  Slot<void(Stream, const AdamProblem&, std::span<const AdamTensor> tensors,
            const StepState* state)>
      step{"adam.step"};
};

}  // namespace tl
