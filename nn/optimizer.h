// Optimizers: one step over all parameters in one kernel call.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/adam.h"
#include "kernels/sgd.h"
#include "nn/module.h"

namespace tl {

/// What the optimizers share: the parameters, all different and on one device, and the StepState in
/// device memory. Steps are counted per optimizer, where PyTorch counts per parameter: one that
/// gets its first gradient late (unfrozen after some steps) then starts with the small bias
/// correction of a late step. A new optimizer starts at 0.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Updates every parameter that requires and has a gradient.
  virtual void step() = 0;
  void clear_gradients();

  double learning_rate;

 protected:
  Optimizer(std::vector<NamedTensor> parameters, double rate);
  /// Counts the step and writes the StepState; returns its device pointer.
  const StepState* begin_step();

  struct Slot {
    Tensor w;
    Tensor first, second;  ///< velocity or moments; absent where not used
  };
  std::vector<Slot> slots_;
  std::int64_t steps_ = 0;

 private:
  Tensor state_;
};

/// Stochastic gradient descent; formula: kernels/sgd.h.
class Sgd : public Optimizer {
 public:
  Sgd(std::vector<NamedTensor> parameters, double learning_rate, SgdProblem options = {});
  void step() override;

 private:
  SgdProblem options_;
};

/// Adam; formula: kernels/adam.h.
class Adam : public Optimizer {
 public:
  Adam(std::vector<NamedTensor> parameters, double learning_rate = 1e-3, AdamProblem options = {});
  void step() override;

 private:
  AdamProblem options_;
};

}  // namespace tl
