#include "apps/extract_features.h"

#include "apps/progress.h"
#include "kernels/parallel_for.h"

namespace tl {

Features extract_features(FrozenNetwork& network, Device device, const std::vector<Sample>& samples,
                          const Preprocessing& preprocessing, const std::string& label) {
  Features features;
  BatchLoader loader(samples, preprocessing, {.batch_size = 32, .workers = thread_count()});
  Progress progress(label, static_cast<std::int64_t>(samples.size()));
  Batch batch;
  while (loader.next(batch)) {
    const Tensor x =
        Tensor::from(batch.pixels, {batch.size(), preprocessing.crop, preprocessing.crop, 3},
                     DType::f32, device);
    const Tensor y = network(x);
    features.columns = y.shape()[1];
    const auto values = y.to_vector<float>();
    features.x.insert(features.x.end(), values.begin(), values.end());
    features.labels.insert(features.labels.end(), batch.labels.begin(), batch.labels.end());
    features.samples.insert(features.samples.end(), batch.indices.begin(), batch.indices.end());
    progress.update(batch.indices.back() + 1);
  }
  features.failures = loader.failures();
  return features;
}

}  // namespace tl
