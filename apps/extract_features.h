// extract_features: pictures through the frozen part of a network, once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/batch_loader.h"
#include "nn/frozen.h"

namespace tl {

/// What a head is trained on: row i belongs to samples[i].
struct Features {
  std::int64_t columns = 0;
  std::vector<float> x;  ///< [rows, columns]
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> samples;  ///< positions in the list of samples
  std::vector<LoadFailure> failures;  ///< pictures that have no row

  std::int64_t rows() const { return static_cast<std::int64_t>(labels.size()); }
};

/// Loads and preprocesses the samples on worker threads while the network computes; `label` heads
/// the progress bar.
Features extract_features(FrozenNetwork& network, Device device, const std::vector<Sample>& samples,
                          const Preprocessing& preprocessing, const std::string& label);

}  // namespace tl
