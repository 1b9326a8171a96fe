// NetworkTrainer: trains a network on pictures, or the part of it that is not frozen. Where the
// pictures come from (files, memory, augmented or not) is the caller's business.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "apps/batch_source.h"
#include "apps/recipe.h"
#include "apps/score.h"
#include "apps/training_step.h"
#include "nn/module.h"

namespace tl {

class NetworkTrainer {
 public:
  /// Trains the parameters that require gradients. `picture` is [height, width, channels]; `counts`
  /// describes a whole pass of run_epoch.
  NetworkTrainer(Module& network, const Shape& picture, const Recipe& recipe,
                 const ClassCounts& counts, Device device);

  /// One step per batch. Returns the mean of what the steps saw (in training mode, before each
  /// step), nullopt if there was no picture. Ends early where the loss is not finite, or where
  /// `keep_going`, asked after each step, says no.
  std::optional<Score> run_epoch(const BatchSource& next,
                                 const std::function<bool()>& keep_going = {});

  /// Log-probabilities in evaluation mode, through a frozen plan.
  Predictions evaluate(const BatchSource& next) const;

  double learning_rate() const { return descent_.learning_rate(); }

 private:
  Module& network_;
  Shape picture_;
  Device device_;
  Descent descent_;
  BatchUpload upload_;
  TrainingStep step_;
};

}  // namespace tl
