// HeadTrainer: a linear classifier on features that were computed once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/extract_features.h"
#include "apps/recipe.h"
#include "apps/score.h"
#include "apps/training_step.h"
#include "nn/layers.h"

namespace tl {

class HeadTrainer {
 public:
  /// The head starts as PyTorch's Linear does, drawn by the seed, as is every epoch's order.
  HeadTrainer(const Features& train, std::int64_t classes, const Recipe& recipe, Device device);

  /// One pass over the training rows in a new random order, one step per batch (the last may be
  /// smaller). Returns that order.
  std::vector<std::int64_t> run_epoch();

  /// Log-probabilities of all rows.
  Predictions predict(const Features& features) const;
  /// nullopt when there is no row.
  std::optional<Score> evaluate(const Features& features) const {
    return predict(features).score();
  }

  double learning_rate() const { return descent_.learning_rate(); }

  Linear head;

 private:
  const Features& train_;
  std::int64_t batch_size_;
  Device device_;
  Generator random_;
  Descent descent_;
  BatchUpload upload_;
  TrainingStep step_;

  HeadTrainer(const Features& train, std::int64_t classes, const Recipe& recipe, Device device,
              Generator random);
};

}  // namespace tl
