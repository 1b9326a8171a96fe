// NetworkTrainer: a small ResNet learns; what is frozen stays; the same bits for any threads.
#include "apps/network_trainer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "models/resnet.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

constexpr std::int64_t kTrainerSide = 16;
const Shape kPicture{kTrainerSide, kTrainerSide, 3};

/// Noise: class 0 brighter in the left half, class 1 in the right one.
struct HalfBrightPictures {
  std::vector<float> pixels;
  std::vector<std::int32_t> labels;

  HalfBrightPictures(std::int64_t n, std::uint64_t seed) {
    Random random(seed);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto label = static_cast<std::int32_t>(i % 2);
      labels.push_back(label);
      for (std::int64_t p = 0; p < kTrainerSide * kTrainerSide; ++p) {
        const bool is_left = p % kTrainerSide < kTrainerSide / 2;
        for (int c = 0; c < 3; ++c)
          pixels.push_back(
              static_cast<float>(0.5 * random.uniform() + (is_left == (label == 0) ? 1 : 0)));
      }
    }
  }
  BatchSource batches(std::int64_t size = 8) const {
    std::vector<std::int64_t> order(labels.size());
    std::iota(order.begin(), order.end(), 0);
    return batches_of(pixels, labels, order, size);
  }
};

std::unique_ptr<ResNet> small_network(std::uint64_t seed = 1) {
  Generator random(seed);
  return std::make_unique<ResNet>(
      ResNetConfig{.depths = {1, 1}, .width = 4, .classes = 2, .stem = ResNetStem::conv3}, random,
      Placement{DType::f32, Device::cpu});
}

Recipe recipe() {
  Recipe r;
  r.batch_size = 8;
  r.learning_rate = 0.02;
  return r;
}

std::vector<float> numbers_of(const ResNet& network) {
  std::vector<float> all;
  for (const NamedTensor& s : network.state()) {
    const auto values = s.tensor.to_vector<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace

TEST_CASE("a network learns from scratch what its pictures show") {
  const HalfBrightPictures train(48, 1), val(20, 2);
  const auto network = small_network();
  NetworkTrainer trainer(*network, kPicture, recipe(), {24, 24}, Device::cpu);
  const auto first = trainer.run_epoch(train.batches());
  Score last;
  for (int epoch = 0; epoch < 7; ++epoch) last = *trainer.run_epoch(train.batches());
  CHECK(last.loss < 0.5 * first->loss);
  CHECK(last.right >= 46);
  const auto score = trainer.evaluate(val.batches()).score();
  CHECK(score->right >= 19);
  CHECK(!network->is_training());
}

TEST_CASE("an epoch's score is the mean over pictures of what the steps saw") {
  const HalfBrightPictures train(12, 1);
  Recipe still = recipe();
  still.learning_rate = 1e-30;  // nothing moves
  const auto network = small_network();
  network->set_requires_grad(false);  // batch norms by running statistics: batches do not matter
  network->fc.set_requires_grad(true);
  NetworkTrainer trainer(*network, kPicture, still, {6, 6}, Device::cpu);
  const auto uneven = trainer.run_epoch(train.batches(8));  // 8 pictures, then 4
  const auto exact = trainer.evaluate(train.batches(5)).score();
  CHECK(uneven->loss == doctest::Approx(exact->loss).epsilon(1e-5));
  CHECK(uneven->right == exact->right);
  CHECK(uneven->accuracy == doctest::Approx(static_cast<double>(exact->right) / 12));
}

TEST_CASE("what is frozen keeps its numbers, running statistics included") {
  const HalfBrightPictures train(16, 1);
  const auto network = small_network();
  network->set_requires_grad(false);
  network->set_requires_grad_matching("layer2,fc", true);
  std::vector<std::vector<float>> before;
  for (const NamedTensor& s : network->state()) before.push_back(s.tensor.to_vector<float>());
  NetworkTrainer trainer(*network, kPicture, recipe(), {8, 8}, Device::cpu);
  trainer.run_epoch(train.batches());
  const auto after = network->state();
  for (std::size_t i = 0; i < after.size(); ++i) {
    CAPTURE(after[i].name);
    const bool is_trained =
        after[i].name.starts_with("layer2.") || after[i].name.starts_with("fc.");
    CHECK((after[i].tensor.to_vector<float>() != before[i]) == is_trained);
  }
}

TEST_CASE("the same bits for any number of threads") {
  const HalfBrightPictures train(16, 1);
  check_same_for_all_thread_counts([&] {
    const auto network = small_network();
    NetworkTrainer trainer(*network, kPicture, recipe(), {8, 8}, Device::cpu);
    trainer.run_epoch(train.batches());
    return numbers_of(*network);
  });
}

TEST_CASE("an epoch can be cut short, and an empty one has no score") {
  const HalfBrightPictures train(16, 1);
  const auto network = small_network();
  NetworkTrainer trainer(*network, kPicture, recipe(), {8, 8}, Device::cpu);
  int asked = 0;
  trainer.run_epoch(train.batches(4), [&] { return ++asked < 2; });
  CHECK(asked == 2);
  CHECK(!trainer.run_epoch([](Batch&) { return false; }).has_value());
}

TEST_CASE("a loss that is not finite ends the epoch") {
  HalfBrightPictures train(16, 1);
  train.pixels[0] = std::numeric_limits<float>::quiet_NaN();
  const auto network = small_network();
  NetworkTrainer trainer(*network, kPicture, recipe(), {8, 8}, Device::cpu);
  int batches = 0;
  const BatchSource next = train.batches(4);
  const auto score = trainer.run_epoch([&](Batch& batch) { return next(batch) && ++batches; });
  CHECK(std::isnan(score->loss));
  CHECK(batches == 1);
}

}  // namespace tl::test
