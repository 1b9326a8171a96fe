// Optimizers: one step over all parameters in one kernel call.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/upload.h"
#include "kernels/adam.h"
#include "kernels/sgd.h"
#include "nn/bf16_copy.h"
#include "nn/module.h"

namespace tl {

/// What the optimizers share: the parameters, all different and on one device, and the StepState in
/// device memory, so that a step can be captured (engine/captured_step.h). A parameter that is
/// frozen or has no gradient is passed over, and its own count of steps stands still, as in
/// PyTorch. A new optimizer starts at 0.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Updates every parameter that requires and has a gradient. A captured step updates those that
  /// did when it was captured.
  void step();
  void clear_gradients();

  /// From now on every step first scales all gradients by one factor such that their Euclidean
  /// norm, taken over all of them together, is at most `max_norm` (formula:
  /// kernels/gradient_norm.h). The gradients themselves stay as they are. Infinity: no clipping.
  void clip_gradient_norm(double max_norm);
  /// That norm in the last step, before clipping; 0 if it was not asked for. Waits for the step.
  double gradient_norm() const;

  double learning_rate;

 protected:
  Optimizer(std::vector<NamedTensor> parameters, double rate);

  struct Slot {
    Tensor w;
    Tensor first, second;     ///< velocity or moments; absent where not used
    std::int64_t missed = 0;  ///< steps in which the parameter was passed over
    std::shared_ptr<Bf16Copy> bf16_copy = nullptr;

    View bf16_w() const { return bf16_copy ? bf16_copy->writable() : View{}; }
  };
  /// One kernel call for `active`, the parameters that take part. `state` is a device pointer.
  virtual void update(const std::vector<const Slot*>& active, const StepState* state) = 0;

  std::vector<Slot> slots_;

 private:
  void write_state();
  void clip(const std::vector<const Slot*>& active);
  const Backend& backend() const { return state_.backend(); }

  std::int64_t steps_ = 0;
  double max_norm_ = std::numeric_limits<double>::infinity();
  Tensor state_;
  Upload upload_;
};

/// Stochastic gradient descent, with momentum and Nesterov's if wanted; formula: kernels/sgd.h.
class Sgd : public Optimizer {
 public:
  Sgd(std::vector<NamedTensor> parameters, double learning_rate, SgdProblem options = {});

 private:
  void update(const std::vector<const Slot*>& active, const StepState* state) override;
  SgdProblem options_;
};

/// Adam; formula: kernels/adam.h.
class Adam : public Optimizer {
 public:
  Adam(std::vector<NamedTensor> parameters, double learning_rate = 1e-3, AdamProblem options = {});

 private:
  void update(const std::vector<const Slot*>& active, const StepState* state) override;
  AdamProblem options_;
};

/// Adam with decoupled weight decay, whether `options` say so or not.
class AdamW : public Adam {
 public:
  AdamW(std::vector<NamedTensor> parameters, double learning_rate = 1e-3,
        AdamProblem options = {.weight_decay = 0.01});
};

}  // namespace tl
