#include "apps/recipe.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/captured_step.h"

namespace tl {
namespace {

std::vector<NamedTensor> trained_of(const std::vector<NamedTensor>& parameters) {
  std::vector<NamedTensor> trained;
  std::copy_if(parameters.begin(), parameters.end(), std::back_inserter(trained),
               [](const NamedTensor& p) { return p.tensor.requires_grad(); });
  return trained;
}

std::unique_ptr<Optimizer> make_optimizer(const std::vector<NamedTensor>& parameters,
                                          const Recipe& r) {
  if (r.optimizer == "sgd") {
    return std::make_unique<Sgd>(
        parameters, r.learning_rate,
        SgdProblem{.momentum = r.momentum, .weight_decay = r.weight_decay});
  }
  check(r.optimizer == "adam" || r.optimizer == "adamw", "optimizer '", r.optimizer,
        "': known are sgd, adam, adamw");
  const AdamProblem adam{.weight_decay = r.weight_decay, .decoupled = r.optimizer == "adamw"};
  return std::make_unique<Adam>(parameters, r.learning_rate, adam);
}

Schedule make_schedule(const Recipe& r, const ClassCounts& counts) {
  const std::int64_t pictures = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  check(pictures > 0, "training: there is no picture to train on");
  check(r.batch_size > 0, "training: a batch of ", r.batch_size, " pictures");
  const std::int64_t per_epoch = (pictures + r.batch_size - 1) / r.batch_size;
  const std::int64_t warmup = std::llround(r.warmup * static_cast<double>(per_epoch));
  const std::int64_t rest = std::max<std::int64_t>(1, r.epochs * per_epoch - warmup);
  Schedule schedule = Schedule::constant(r.learning_rate);
  if (r.schedule == "step") {
    schedule = Schedule::step(r.learning_rate, (rest + 2) / 3);
  } else if (r.schedule == "cosine") {
    schedule = Schedule::cosine(r.learning_rate, rest);
  } else {
    check(r.schedule == "constant", "schedule '", r.schedule,
          "': known are constant, step, cosine");
  }
  return warmup > 0 ? schedule.after_warm_up(warmup) : schedule;
}

/// Weights whose mean over the training pictures is 1.
Tensor balancing_weights(const ClassCounts& counts, Device device) {
  const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  std::vector<double> weights;
  for (const std::int64_t n : counts)
    weights.push_back(n ? static_cast<double>(total) / static_cast<double>(n * std::ssize(counts))
                        : 0);
  return Tensor::from(weights, {std::ssize(counts)}, DType::f32, device);
}

}  // namespace

ClassCounts count_classes(const std::vector<std::int32_t>& labels, std::int64_t classes) {
  ClassCounts counts(static_cast<std::size_t>(classes), 0);
  for (const std::int32_t label : labels) {
    check(label >= 0 && label < classes, "training: label ", label, " of ", classes, " classes");
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
}

Descent::Descent(const std::vector<NamedTensor>& parameters, const Recipe& recipe,
                 const ClassCounts& counts)
    : optimizer_(make_optimizer(trained_of(parameters), recipe)),
      schedule_(make_schedule(recipe, counts)) {
  optimizer_->clear_gradients();
  if (recipe.clip > 0) optimizer_->clip_gradient_norm(recipe.clip);
  loss_.label_smoothing = recipe.label_smoothing;
  if (recipe.balanced)
    loss_.class_weights = balancing_weights(counts, parameters[0].tensor.device());
}

Tensor Descent::step(const Tensor& logits, const Tensor& labels) {
  const Tensor loss = cross_entropy(logits, labels, loss_);
  backward(loss);
  host_part([this] { optimizer_->learning_rate = schedule_.rate(steps_++); });
  optimizer_->step();
  optimizer_->clear_gradients();
  return loss.detached();
}

}  // namespace tl
