#include "apps/extract_features.h"

#include "apps/score.h"

namespace tl {

Features extract_features(FrozenNetwork& network, const Shape& picture, Device device,
                          const BatchSource& next,
                          const std::function<void(std::int64_t)>& progress) {
  Features features;
  Batch batch;
  while (next(batch)) {
    const Tensor y = network(pixels_of(batch, picture, device));
    features.columns = y.shape()[1];
    const auto values = y.to_vector<float>();
    features.x.insert(features.x.end(), values.begin(), values.end());
    features.labels.insert(features.labels.end(), batch.labels.begin(), batch.labels.end());
    features.samples.insert(features.samples.end(), batch.indices.begin(), batch.indices.end());
    if (progress) progress(features.rows());
  }
  return features;
}

}  // namespace tl
