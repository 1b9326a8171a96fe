// StepState: what changes from one optimizer step to the next. It lies in device memory, so that a
// captured step can be replayed with another learning rate.
#pragma once

#include <cstdint>

namespace tl {

struct StepState {
  double learning_rate = 0;
  std::int64_t step = 0;       ///< 1 in the first step
  double gradient_factor = 1;  ///< every gradient is multiplied by it first
  double gradient_norm = 0;    ///< before that; known where gradients are clipped
};

}  // namespace tl
