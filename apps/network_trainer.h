// NetworkTrainer: trains a network on pictures, or the part of it that is not frozen. Where the
// pictures come from (files, memory, augmented or not) is the caller's business.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "apps/recipe.h"
#include "apps/score.h"
#include "io/batch_loader.h"
#include "nn/module.h"

namespace tl {

/// The next pictures of a pass into the batch (pixels [n, height, width, channels], preprocessed);
/// false at the end, as BatchLoader::next.
using BatchSource = std::function<bool(Batch&)>;

class NetworkTrainer {
 public:
  /// Trains the parameters that require gradients; modules of which none does stay in evaluation
  /// mode. `picture` is [height, width, channels]; `counts` describes a whole pass of run_epoch.
  NetworkTrainer(Module& network, const Shape& picture, const Recipe& recipe,
                 const ClassCounts& counts, Device device);

  /// One step per batch. Returns the mean of what the steps saw (in training mode, before each
  /// step), nullopt if there was no picture. `keep_going`, asked after each step, may end it early.
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
};

}  // namespace tl
