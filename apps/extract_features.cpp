#include "apps/extract_features.h"

#include "apps/batch_upload.h"

namespace tl {

Features extract_features(FrozenNetwork& network, const Shape& picture, Device device,
                          const BatchSource& next,
                          const std::function<void(std::int64_t)>& progress) {
  Features features;
  BatchUpload upload(picture, device);
  Tensor y;
  for_each_batch(
      next, upload, [&](const DeviceBatch& batch) { y = network(batch.pixels); },
      [&](const Batch& batch) {
        features.columns = y.shape()[1];
        const auto values = y.to_vector<float>();
        features.x.insert(features.x.end(), values.begin(), values.end());
        features.labels.insert(features.labels.end(), batch.labels.begin(), batch.labels.end());
        features.samples.insert(features.samples.end(), batch.indices.begin(), batch.indices.end());
        if (progress) progress(features.rows());
        return true;
      });
  return features;
}

}  // namespace tl
