// extract_features: pictures through the frozen part of a network, once.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "apps/batch_source.h"
#include "nn/frozen.h"

namespace tl {

/// What a head is trained on: row i belongs to samples[i].
struct Features {
  std::int64_t columns = 0;
  std::vector<float> x;  ///< [rows, columns]
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> samples;  ///< Batch::indices

  std::int64_t rows() const { return static_cast<std::int64_t>(labels.size()); }
};

/// Runs the pictures [height, width, channels] of `next` through `network`. `progress`, if given,
/// is told how many are done.
Features extract_features(FrozenNetwork& network, const Shape& picture, Device device,
                          const BatchSource& next,
                          const std::function<void(std::int64_t)>& progress = {});

}  // namespace tl
