#include "apps/network_trainer.h"

#include <cmath>

#include "nn/metrics.h"

namespace tl {
namespace {

std::int64_t right_answers(const Tensor& logits, const std::vector<std::int32_t>& labels) {
  const auto answers = predicted_classes(logits.to_vector<float>(), logits.shape()[1]);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += answers[i] == labels[i];
  return right;
}

}  // namespace

NetworkTrainer::NetworkTrainer(Module& network, const Shape& picture, const Recipe& recipe,
                               const ClassCounts& counts, Device device)
    : network_(network),
      picture_(picture),
      device_(device),
      descent_(network.parameters(), recipe, counts),
      upload_(picture, device),
      step_(network, descent_, recipe.batch_size, device) {
  check(picture.rank() == 3, "training: a picture is [height, width, channels], got ", picture);
}

std::optional<Score> NetworkTrainer::run_epoch(const BatchSource& next,
                                               const std::function<bool()>& keep_going) {
  network_.train();
  Score score;
  std::int64_t pictures = 0;
  TrainingStep::Result result;
  for_each_batch(
      next, upload_, [&](const DeviceBatch& batch) { result = step_(batch); },
      [&](const Batch& batch) {
        const double loss = result.loss.item();
        score.loss += loss * static_cast<double>(batch.size());
        pictures += batch.size();
        if (!std::isfinite(loss)) return false;
        score.right += right_answers(result.logits, batch.labels);
        return !keep_going || keep_going();
      });
  network_.eval();
  if (pictures == 0) return std::nullopt;
  score.loss /= static_cast<double>(pictures);
  score.accuracy = static_cast<double>(score.right) / static_cast<double>(pictures);
  return score;
}

Predictions NetworkTrainer::evaluate(const BatchSource& next) const {
  network_.eval();
  FrozenNetwork frozen(network_);  // of this state of the parameters: they change with every step
  return predict_all(frozen, picture_, device_, next);
}

}  // namespace tl
