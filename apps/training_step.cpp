#include "apps/training_step.h"

namespace tl {

TrainingStep::TrainingStep(Module& network, Descent& descent, std::int64_t batch_size,
                           Device device)
    : network_(network),
      descent_(descent),
      batch_size_(batch_size),
      device_(device),
      captured_(device) {}

TrainingStep::Result TrainingStep::run(const DeviceBatch& batch) {
  const Tensor logits = network_(batch.pixels);
  return {.loss = descent_.step(logits, batch.labels), .logits = logits.detached()};
}

TrainingStep::Result TrainingStep::operator()(const DeviceBatch& batch) {
  const bool is_whole = batch.labels.size() == batch_size_;
  if (!is_whole || !CapturedStep::is_possible(device_)) return run(batch);
  if (!input_.pixels) input_ = {Tensor::empty_like(batch.pixels), Tensor::empty_like(batch.labels)};
  input_.pixels.copy_from(batch.pixels);
  input_.labels.copy_from(batch.labels);
  captured_.run([this] { result_ = run(input_); });
  return result_;
}

}  // namespace tl
