#include "apps/head_trainer.h"

namespace tl {

HeadTrainer::HeadTrainer(const Features& train, std::int64_t classes, const Recipe& recipe,
                         Device device)
    : HeadTrainer(train, classes, recipe, device, Generator(recipe.seed)) {}

HeadTrainer::HeadTrainer(const Features& train, std::int64_t classes, const Recipe& recipe,
                         Device device, Generator random)
    : head(train.columns, classes, random, {DType::f32, device}),
      train_(train),
      batch_size_(recipe.batch_size),
      device_(device),
      random_(random),
      descent_(head.parameters(), recipe, count_classes(train.labels, classes)),
      upload_({train.columns}, device),
      step_(head, descent_, recipe.batch_size, device) {}

std::vector<std::int64_t> HeadTrainer::run_epoch() {
  const std::vector<std::int64_t> order = random_.permutation(train_.rows());
  for_each_batch(
      batches_of(train_.x, train_.labels, order, batch_size_), upload_,
      [this](const DeviceBatch& batch) { step_(batch); }, [](const Batch&) { return true; });
  return order;
}

Predictions HeadTrainer::predict(const Features& features) const {
  Predictions all;
  all.classes = head.bias.size();
  all.labels = features.labels;
  all.samples = features.samples;
  if (features.rows() == 0) return all;
  NoGrad no_grad;
  const Tensor x =
      Tensor::from(features.x, {features.rows(), features.columns}, DType::f32, device_);
  all.log_p = log_softmax(linear(x, head.weight, head.bias)).to_vector<float>();
  return all;
}

}  // namespace tl
