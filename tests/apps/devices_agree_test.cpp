// A small ResNet, trained for one epoch from the same start on every device: the losses of its
// steps are those of `ref` within a stated bound, in f32 and in mixed precision.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "apps/network_trainer.h"
#include "models/resnet.h"
#include "tests/support/op_case.h"

namespace tl::test {
namespace {

constexpr std::int64_t kSide = 8, kPictures = 48, kBatch = 4;

/// The loss that each step of the epoch sees.
std::vector<double> losses_of(Device device, DType activations) {
  Random numbers(7);
  std::vector<float> pixels;
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < kPictures; ++i) {
    labels.push_back(static_cast<std::int32_t>(i % 3));
    for (std::int64_t k = 0; k < kSide * kSide * 3; ++k) {
      pixels.push_back(static_cast<float>(numbers.uniform() + (k % 3 == i % 3 ? 0.5 : 0)));
    }
  }
  Generator random(1);
  ResNet network(
      ResNetConfig{.depths = {1, 1}, .width = 4, .classes = 3, .stem = ResNetStem::conv3}, random,
      {DType::f32, device});
  network.activation_dtype = activations;
  Recipe recipe;
  recipe.batch_size = kBatch;
  recipe.optimizer = "sgd";
  recipe.learning_rate = 0.1;
  NetworkTrainer trainer(network, {kSide, kSide, 3}, recipe, {16, 16, 16}, device);

  // One batch per call, so that each step's loss is seen.
  std::vector<double> losses;
  for (std::int64_t first = 0; first < kPictures; first += kBatch) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(kBatch));
    std::iota(order.begin(), order.end(), first);
    losses.push_back(trainer.run_epoch(batches_of(pixels, labels, order, kBatch))->loss);
  }
  return losses;
}

void check_losses(DType activations, double bound, bool differs) {
  const std::vector<double> expected = losses_of(Device::ref, DType::f32);
  CHECK(expected.back() < 0.8 * expected.front());  // it learns: the steps mattered
  EveryDevice every("training");
  every.run([&](Device device) {
    if (activations == DType::bf16 && device == Device::cpu) return;
    const std::vector<double> found = losses_of(device, activations);
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double difference = std::abs(found[i] - expected[i]) / expected[i];
      CAPTURE(i);
      CHECK(difference <= bound);
      worst = std::max(worst, difference);
    }
    MESSAGE(concat("worst difference of a loss on ", device, ": ", worst));
    if (differs) CHECK(worst > 0);
  });
}

TEST_CASE("an epoch of fine-tuning has the losses of ref on every device") {
  check_losses(DType::f32, 1e-5, false);
}

TEST_CASE("mixed precision has the losses of f32 within its rounding") {
  check_losses(DType::bf16, 0.02, true);
}

}  // namespace
}  // namespace tl::test
