// Schedules: the learning rate of each step, as a value. What a step is (a batch, an epoch) is the
// caller's choice; the first is step 0. Formulas are those of torch.optim.lr_scheduler.
#pragma once

#include <cstdint>

namespace tl {

class Schedule {
 public:
  /// `rate` in every step.
  static Schedule constant(double rate);

  /// rate * factor^floor(step / every): StepLR. `every` is at least 1.
  static Schedule step(double rate, std::int64_t every, double factor = 0.1);

  /// last + (rate - last) (1 + cos(pi step / steps)) / 2, from `rate` in step 0 to `last` in step
  /// `steps` (at least 1): CosineAnnealingLR. It stays at `last` afterwards, where PyTorch's rises
  /// again. Source: Loshchilov and Hutter, "SGDR", 2016, eq. 5.
  static Schedule cosine(double rate, std::int64_t steps, double last = 0);

  /// This schedule after `steps` steps that rise linearly to its first rate:
  /// rate(0) * (first + (1 - first) step / steps): LinearLR in front, by SequentialLR. `first`, the
  /// share of the rate in step 0, is in [0, 1].
  Schedule after_warm_up(std::int64_t steps, double first = 0.01) const;

  /// In step `step` >= 0.
  double rate(std::int64_t step) const;

 private:
  enum class Kind { constant, step, cosine };
  Schedule(Kind kind, double rate, std::int64_t length, double shape)
      : kind_(kind), rate_(rate), length_(length), shape_(shape) {}

  Kind kind_;
  double rate_;
  std::int64_t length_;  // of a stair or of the half cosine
  double shape_;         // the stairs' factor, the cosine's last rate
  std::int64_t warm_up_ = 0;
  double first_ = 1;
};

}  // namespace tl
