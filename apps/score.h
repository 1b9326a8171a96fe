// Predictions of labelled pictures, and how good they are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "apps/batch_source.h"
#include "nn/frozen.h"

namespace tl {

/// Mean loss and share of right answers over a whole set, with one state of the network.
struct Score {
  double loss = 0;
  double accuracy = 0;
  std::int64_t right = 0;
};

/// Row i of log_p belongs to labels[i] and samples[i].
struct Predictions {
  std::int64_t classes = 0;
  std::vector<float> log_p;  ///< [rows, classes]
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> samples;  ///< Batch::indices

  std::int64_t rows() const { return static_cast<std::int64_t>(labels.size()); }
  /// The most probable class of each row (of equal ones, the first); throws for a NaN.
  std::vector<std::int32_t> answers() const;
  /// nullopt when there is no row. With a NaN in log_p, the loss is one and nothing is right.
  std::optional<Score> score() const;
};

/// Runs the pictures [height, width, channels] of `next` through `network`, which gives logits.
/// `progress`, if given, is told how many are done.
Predictions predict_all(FrozenNetwork& network, const Shape& picture, Device device,
                        const BatchSource& next,
                        const std::function<void(std::int64_t)>& progress = {});

}  // namespace tl
