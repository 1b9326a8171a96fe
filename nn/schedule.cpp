#include "nn/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/error.h"

namespace tl {
namespace {

void check_rate(double rate) {
  check(std::isfinite(rate) && rate >= 0, "schedule: the rate ", rate,
        " is not a finite number of at least 0");
}

}  // namespace

Schedule Schedule::constant(double rate) {
  check_rate(rate);
  return {Kind::constant, rate, 1, 0};
}

Schedule Schedule::step(double rate, std::int64_t every, double factor) {
  check_rate(rate);
  check(every >= 1, "schedule: a stair of ", every, " steps, at least 1 is needed");
  check(std::isfinite(factor) && factor >= 0, "schedule: the factor ", factor,
        " is not a finite number of at least 0");
  return {Kind::step, rate, every, factor};
}

Schedule Schedule::cosine(double rate, std::int64_t steps, double last) {
  check_rate(rate);
  check_rate(last);
  check(steps >= 1, "schedule: a cosine over ", steps, " steps, at least 1 is needed");
  return {Kind::cosine, rate, steps, last};
}

Schedule Schedule::after_warm_up(std::int64_t steps, double first) const {
  check(warm_up_ == 0, "schedule: there is a warm-up of ", warm_up_, " steps already");
  check(steps >= 0, "schedule: a warm-up of ", steps, " steps");
  check(first >= 0 && first <= 1, "schedule: the warm-up begins with ", first,
        " of the rate, which is not in [0, 1]");
  Schedule schedule = *this;
  schedule.warm_up_ = steps;
  schedule.first_ = first;
  return schedule;
}

double Schedule::rate(std::int64_t step) const {
  check(step >= 0, "schedule: there is no step ", step);
  if (step < warm_up_) {
    const double share = static_cast<double>(step) / static_cast<double>(warm_up_);
    return rate_ * (first_ + (1 - first_) * share);
  }
  const std::int64_t t = step - warm_up_;
  switch (kind_) {
    case Kind::step:
      return rate_ * std::pow(shape_, static_cast<double>(t / length_));
    case Kind::cosine: {
      const double turn = static_cast<double>(std::min(t, length_)) / static_cast<double>(length_);
      return shape_ + (rate_ - shape_) * (1 + std::cos(std::numbers::pi * turn)) / 2;
    }
    case Kind::constant:
      break;
  }
  return rate_;
}

}  // namespace tl
