// Predictions of labelled pictures, and how good they are.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/tensor.h"
#include "io/batch_loader.h"
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
  /// The most probable class of each row (of equal ones, the first).
  std::vector<std::int32_t> answers() const;
  /// nullopt when there is no row.
  std::optional<Score> score() const;
};

/// Runs all batches of `next` (pixels [n, picture...]) through `network`, which gives logits.
Predictions predict_all(FrozenNetwork& network, const Shape& picture, Device device,
                        const std::function<bool(Batch&)>& next);

}  // namespace tl
