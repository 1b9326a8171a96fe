#include "nn/plan.h"

#include <algorithm>

#include "engine/autograd.h"
#include "kernels/observer.h"
#include "kernels/parallel_for.h"

namespace tl {

std::int64_t pictures_at_once(const Shape& shape) {
  constexpr std::int64_t kPixels = 2 * 28 * 28;
  if (shape.rank() != 4) return std::max<std::int64_t>(1, shape[0]);
  const std::int64_t pixels = std::max<std::int64_t>(1, shape[1] * shape[2]);
  return (kPixels + pixels - 1) / pixels;
}

Plan::Plan(std::vector<Step> steps, int output)
    : steps_(std::move(steps)), last_reader_(steps_.size() + 1, 0), output_(output) {
  for (std::size_t i = 0; i < steps_.size(); ++i)
    for (const int input : steps_[i].inputs) last_reader_[static_cast<std::size_t>(input)] = i;
  last_reader_[static_cast<std::size_t>(output_)] = steps_.size();
}

Tensor Plan::run(const Tensor& x) const {
  Values values(steps_.size() + 1);
  values[0] = x;
  for (Steps some{0, 0}; some.begin < steps_.size(); some.begin = some.end) {
    while (some.end < steps_.size() && steps_[some.end].pictures == steps_[some.begin].pictures) {
      ++some.end;
    }
    if (is_shared_by_pictures(some, x)) {
      run_by_pictures(some, values);
    } else {
      for (std::size_t i = some.begin; i < some.end; ++i) run_step(i, values);
    }
  }
  return values[static_cast<std::size_t>(output_)];
}

bool Plan::may_overwrite(std::size_t step) const {
  const auto& [shape, inputs, overwritten, pictures, compute] = steps_[step];
  return overwritten > 0 && last_reader_[static_cast<std::size_t>(overwritten)] == step &&
         std::count(inputs.begin(), inputs.end(), overwritten) == 1;
}

/// Computes a value and gives up those that are not read again.
void Plan::run_step(std::size_t step, Values& values) const {
  if (!values[step + 1] && may_overwrite(step)) {
    values[step + 1] = values[static_cast<std::size_t>(steps_[step].overwritten)];
  }
  std::vector<const Tensor*> inputs;
  for (const int input : steps_[step].inputs) {
    inputs.push_back(&values[static_cast<std::size_t>(input)]);
  }
  steps_[step].compute(inputs, values[step + 1]);
  for (const int input : steps_[step].inputs) {
    if (last_reader_[static_cast<std::size_t>(input)] == step) {
      values[static_cast<std::size_t>(input)] = {};
    }
  }
}

bool Plan::is_shared_by_pictures(Steps steps, const Tensor& x) const {
  // With fewer parts, one thread would often wait for the last part of another.
  constexpr std::int64_t kPartsPerThread = 2;
  const std::int64_t parts = x.shape()[0] / steps_[steps.begin].pictures;
  return x.device() == Device::cpu && thread_count() > 1 &&
         parts >= kPartsPerThread * thread_count() && !kernel_observers.newest();
}

void Plan::run_by_pictures(Steps steps, Values& values) const {
  const auto is_read_later = [&](std::size_t value) { return last_reader_[value] >= steps.end; };
  const Shape& batch = steps_[steps.begin].shape;
  const std::int64_t n = batch[0], parts = n / steps_[steps.begin].pictures;
  const Tensor& like = values[static_cast<std::size_t>(steps_[steps.begin].inputs[0])];
  for (std::size_t value = steps.begin + 1; value <= steps.end; ++value) {
    if (is_read_later(value)) {
      values[value] = Tensor::empty(steps_[value - 1].shape, like.dtype(), like.device());
    }
  }
  parallel_for(parts, [&](std::int64_t part, int) {
    const NoGrad no_grad;  // of this thread
    const std::int64_t begin = n * part / parts, end = n * (part + 1) / parts;
    Values mine(values.size());
    for (std::size_t value = 0; value < values.size(); ++value) {
      if (values[value]) mine[value] = values[value].rows(begin, end);
    }
    for (std::size_t i = steps.begin; i < steps.end; ++i) run_step(i, mine);
  });
  for (std::size_t value = 0; value <= steps.begin; ++value) {
    if (!is_read_later(value)) values[value] = {};
  }
}

}  // namespace tl
