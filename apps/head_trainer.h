// HeadTrainer: a linear classifier on features that were computed once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/extract_features.h"
#include "nn/layers.h"
#include "nn/optimizer.h"

namespace tl {

struct HeadOptions {
  std::int64_t batch_size = 32;
  double learning_rate = 1e-3;
  std::uint64_t seed = 0;
};

/// Mean loss and share of right answers over a whole set, with one state of the head.
struct Score {
  double loss = 0;
  double accuracy = 0;
  std::int64_t right = 0;
};

class HeadTrainer {
 public:
  /// The head starts as PyTorch's Linear does, drawn by the seed, as is every epoch's order.
  HeadTrainer(const Features& train, std::int64_t classes, const HeadOptions& options,
              Device device);

  /// One pass over the training rows in a new random order, one Adam step per batch (the last may
  /// be smaller). Returns that order.
  std::vector<std::int64_t> run_epoch();

  /// nullopt when there is no row.
  std::optional<Score> evaluate(const Features& features) const;

  Linear head;

 private:
  Tensor rows_at(const std::vector<std::int64_t>& rows) const;

  const Features& train_;
  HeadOptions options_;
  Device device_;
  Generator random_;
  Adam optimizer_;

  HeadTrainer(const Features& train, std::int64_t classes, const HeadOptions& options,
              Device device, Generator random);
};

}  // namespace tl
