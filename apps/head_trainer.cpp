#include "apps/head_trainer.h"

#include <algorithm>

namespace tl {

HeadTrainer::HeadTrainer(const Features& train, std::int64_t classes, const HeadOptions& options,
                         Device device)
    : HeadTrainer(train, classes, options, device, Generator(options.seed)) {}

HeadTrainer::HeadTrainer(const Features& train, std::int64_t classes, const HeadOptions& options,
                         Device device, Generator random)
    : head(train.columns, classes, random, {DType::f32, device}),
      train_(train),
      options_(options),
      device_(device),
      random_(random),
      optimizer_(head.parameters(), options.learning_rate) {
  check(train.rows() > 0, "training: there is no picture to train on");
}

std::vector<std::int64_t> HeadTrainer::run_epoch() {
  const std::vector<std::int64_t> order = random_.permutation(train_.rows());
  for (std::int64_t begin = 0; begin < train_.rows(); begin += options_.batch_size) {
    const std::int64_t end = std::min(begin + options_.batch_size, train_.rows());
    const std::vector<std::int64_t> rows(order.begin() + begin, order.begin() + end);
    std::vector<std::int32_t> labels;
    for (std::int64_t row : rows) labels.push_back(train_.labels[static_cast<std::size_t>(row)]);

    optimizer_.clear_gradients();
    const Tensor loss = cross_entropy(head(rows_at(rows)),
                                      Tensor::from(labels, {end - begin}, DType::i32, device_));
    backward(loss);
    optimizer_.step();
  }
  return order;
}

std::optional<Score> HeadTrainer::evaluate(const Features& features) const {
  if (features.rows() == 0) return std::nullopt;
  NoGrad no_grad;
  const Tensor x =
      Tensor::from(features.x, {features.rows(), features.columns}, DType::f32, device_);
  const Tensor logits = linear(x, head.weight, head.bias);
  const std::int64_t classes = logits.shape()[1];
  Score score;
  score.loss =
      cross_entropy(logits, Tensor::from(features.labels, {features.rows()}, DType::i32, device_))
          .item();
  const auto values = logits.to_vector<float>();
  for (std::int64_t i = 0; i < features.rows(); ++i) {
    const auto row = values.begin() + i * classes;
    const auto best = std::max_element(row, row + classes) - row;
    score.right += best == features.labels[static_cast<std::size_t>(i)];
  }
  score.accuracy = static_cast<double>(score.right) / static_cast<double>(features.rows());
  return score;
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
