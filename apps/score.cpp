#include "apps/score.h"

#include <cmath>

#include "apps/batch_upload.h"
#include "nn/metrics.h"

namespace tl {

std::vector<std::int32_t> Predictions::answers() const { return predicted_classes(log_p, classes); }

std::optional<Score> Predictions::score() const {
  if (rows() == 0) return std::nullopt;
  Score score;
  for (std::size_t i = 0; i < labels.size(); ++i)
    score.loss -=
        log_p[i * static_cast<std::size_t>(classes) + static_cast<std::size_t>(labels[i])];
  score.loss /= static_cast<double>(rows());
  if (std::isnan(score.loss)) return score;
  const std::vector<std::int32_t> answer = answers();
  for (std::size_t i = 0; i < labels.size(); ++i) score.right += answer[i] == labels[i];
  score.accuracy = static_cast<double>(score.right) / static_cast<double>(rows());
  return score;
}

Predictions predict_all(FrozenNetwork& network, const Shape& picture, Device device,
                        const BatchSource& next,
                        const std::function<void(std::int64_t)>& progress) {
  NoGrad no_grad;
  Predictions all;
  BatchUpload upload(picture, device);
  Tensor log_p;
  for_each_batch(
      next, upload, [&](const DeviceBatch& batch) { log_p = log_softmax(network(batch.pixels)); },
      [&](const Batch& batch) {
        all.classes = log_p.shape()[1];
        const auto values = log_p.to_vector<float>();
        all.log_p.insert(all.log_p.end(), values.begin(), values.end());
        all.labels.insert(all.labels.end(), batch.labels.begin(), batch.labels.end());
        all.samples.insert(all.samples.end(), batch.indices.begin(), batch.indices.end());
        if (progress) progress(all.rows());
        return true;
      });
  return all;
}

}  // namespace tl
