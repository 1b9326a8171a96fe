#include "apps/head_trainer.h"

#include <algorithm>

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
      descent_(head.parameters(), recipe, count_classes(train.labels, classes)) {}

std::vector<std::int64_t> HeadTrainer::run_epoch() {
  const std::vector<std::int64_t> order = random_.permutation(train_.rows());
  for (std::int64_t begin = 0; begin < train_.rows(); begin += batch_size_) {
    const std::int64_t end = std::min(begin + batch_size_, train_.rows());
    const std::vector<std::int64_t> rows(order.begin() + begin, order.begin() + end);
    std::vector<std::int32_t> labels;
    for (std::int64_t row : rows) labels.push_back(train_.labels[static_cast<std::size_t>(row)]);
    descent_.step(head(rows_at(rows)), Tensor::from(labels, {end - begin}, DType::i32, device_));
  }
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

Tensor HeadTrainer::rows_at(const std::vector<std::int64_t>& rows) const {
  std::vector<float> x;
  x.reserve(rows.size() * static_cast<std::size_t>(train_.columns));
  for (std::int64_t row : rows) {
    const auto begin = train_.x.begin() + row * train_.columns;
    x.insert(x.end(), begin, begin + train_.columns);
  }
  return Tensor::from(x, {static_cast<std::int64_t>(rows.size()), train_.columns}, DType::f32,
                      device_);
}

}  // namespace tl
