// Recipe: how something is trained, and Descent, the one step of it that HeadTrainer and
// NetworkTrainer share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

namespace tl {

struct Recipe {
  std::int64_t batch_size = 32;
  double learning_rate = 1e-3;
  std::uint64_t seed = 0;
  int epochs = 10;                    ///< what the schedule stretches over
  std::string optimizer = "adam";     ///< adam, adamw, sgd
  double momentum = 0.9;              ///< of sgd
  double weight_decay = 0;            ///< decoupled for adamw
  std::string schedule = "constant";  ///< constant; step: a tenth after each third; cosine: to 0
  double warmup = 0;                  ///< epochs in which the rate first rises
  double clip = 0;                    ///< largest norm of all gradients together; 0: any
  double label_smoothing = 0;
  bool balanced = false;  ///< each class weighs the same in the loss, however many pictures it has
};

/// Classes and how many training pictures each has.
using ClassCounts = std::vector<std::int64_t>;
ClassCounts count_classes(const std::vector<std::int32_t>& labels, std::int64_t classes);

/// Minimises a recipe's loss over parameters, batch by batch.
class Descent {
 public:
  /// Of those parameters that require gradients. Throws Error when there is none, when the recipe
  /// names what does not exist, or when there is no picture.
  Descent(const std::vector<NamedTensor>& parameters, const Recipe& recipe,
          const ClassCounts& counts);

  /// One step against the gradient of the recipe's loss of logits [n, classes]; returns that loss,
  /// a scalar. Waits for nothing, and can be captured (engine/captured_step.h). Leaves no gradients
  /// behind.
  Tensor step(const Tensor& logits, const Tensor& labels);

  /// What the last step was taken with.
  double learning_rate() const { return optimizer_->learning_rate; }

 private:
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  CrossEntropyOptions loss_;
  std::int64_t steps_ = 0;
};

}  // namespace tl
