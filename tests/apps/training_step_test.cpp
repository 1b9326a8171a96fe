// TrainingStep and BatchUpload: a captured step is the eager one, bit for bit; batches arrive whole
// and in order.
#include "apps/training_step.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "apps/network_trainer.h"
#include "kernels/sync_launches.h"
#include "models/resnet.h"
#include "tests/support/random.h"

namespace tl::test {
namespace {

constexpr std::int64_t kStepSide = 8, kStepPictures = 26, kStepBatch = 4;  // the last batch has 2

/// While it lives, steps run as they stand.
class Eager {
 public:
  explicit Eager(bool on) : before_(sync_launches.exchange(on)) {}
  ~Eager() { sync_launches = before_; }
  Eager(const Eager&) = delete;
  Eager& operator=(const Eager&) = delete;

 private:
  bool before_;
};

struct StepPictures {
  std::vector<float> pixels;
  std::vector<std::int32_t> labels;

  StepPictures() {
    Random random(5);
    for (std::int64_t i = 0; i < kStepPictures; ++i) {
      labels.push_back(static_cast<std::int32_t>(i % 3));
      for (std::int64_t k = 0; k < kStepSide * kStepSide * 3; ++k)
        pixels.push_back(static_cast<float>(random.uniform() + (k % 3 == i % 3 ? 0.5 : 0)));
    }
  }
  BatchSource batches() const {
    std::vector<std::int64_t> order(labels.size());
    std::iota(order.begin(), order.end(), 0);
    return batches_of(pixels, labels, order, kStepBatch);
  }
};

/// Every parameter and running statistic, and the scores, after three epochs.
std::vector<double> trained(Device device, const Recipe& recipe, DType activations, bool eager) {
  const Eager scope(eager);
  const StepPictures pictures;
  Generator random(1);
  ResNet network({.depths = {1, 1}, .width = 4, .classes = 3, .stem = ResNetStem::conv3}, random,
                 {DType::f32, device});
  network.activation_dtype = activations;
  NetworkTrainer trainer(network, {kStepSide, kStepSide, 3}, recipe, {9, 9, 8}, device);
  std::vector<double> all;
  for (int epoch = 0; epoch < 3; ++epoch) {
    const auto score = trainer.run_epoch(pictures.batches());
    all.push_back(score->loss);
    all.push_back(static_cast<double>(score->right));
    const Predictions found = trainer.evaluate(pictures.batches());
    all.insert(all.end(), found.log_p.begin(), found.log_p.end());
  }
  for (const NamedTensor& t : network.state()) {
    const auto values = t.tensor.to_vector<double>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

Recipe recipe_with(const char* optimizer) {
  Recipe r;
  r.batch_size = kStepBatch;
  r.optimizer = optimizer;
  r.learning_rate = 0.02;
  r.schedule = "cosine";
  r.warmup = 0.5;
  r.epochs = 3;
  r.weight_decay = 1e-3;
  r.clip = 0.5;
  r.label_smoothing = 0.1;
  r.balanced = true;
  return r;
}

/// The devices that can capture.
std::vector<Device> capturing_devices() {
  std::vector<Device> some = devices();
  std::erase_if(some, [](Device device) { return !CapturedStep::is_possible(device); });
  return some;
}

TEST_CASE("training, captured: equals eager training bit for bit") {
  for (const Device device : capturing_devices()) {
    for (const auto& [optimizer, activations] :
         {std::pair{"sgd", DType::f32}, std::pair{"adamw", DType::bf16}}) {
      INFO(concat(device, ", ", optimizer, ", ", activations));
      const auto eager = trained(device, recipe_with(optimizer), activations, true);
      const auto captured = trained(device, recipe_with(optimizer), activations, false);
      REQUIRE(eager.size() == captured.size());
      CHECK(std::memcmp(eager.data(), captured.data(), eager.size() * sizeof(double)) == 0);
    }
  }
}

TEST_CASE("a step is captured for whole batches alone, and draws dropout anew") {
  for (const Device device : capturing_devices()) {
    INFO(concat(device));
    const auto run = [&](bool eager, int* calls) {
      const Eager scope(eager);
      struct Net : Module {
        explicit Net(Placement where, Generator& random)
            : drop(0.5, random), fc(6, 3, random, where) {
          add_module("fc", fc);
        }
        Tensor forward(const Tensor& x) override {
          ++calls;
          return fc(drop(x));
        }
        Dropout drop;
        Linear fc;
        int calls = 0;
      };
      Generator random(2);
      Net net({DType::f32, device}, random);
      Descent descent(net.parameters(), recipe_with("adam"), {4, 4, 4});
      TrainingStep step(net, descent, 4, device);
      BatchUpload upload({6}, device);
      std::vector<double> losses;
      Random numbers(3);
      for (const std::int64_t size : {4, 4, 2, 4, 4, 3, 4}) {
        Batch batch;
        for (std::int64_t i = 0; i < size; ++i)
          batch.labels.push_back(static_cast<std::int32_t>(i % 3));
        for (const double v : numbers.uniform_vector(6 * size))
          batch.pixels.push_back(static_cast<float>(v));
        losses.push_back(step(upload(batch)).loss.item());
      }
      *calls = net.calls;
      return losses;
    };
    int eager_calls = 0, captured_calls = 0;
    const auto eager = run(true, &eager_calls), captured = run(false, &captured_calls);
    CHECK(eager == captured);
    CHECK(eager_calls == 7);
    CHECK(captured_calls == 4);  // the first whole batch, its capture, and two that are not whole
  }
}

TEST_CASE("batches: all are sent, in order, and finished before the one after the next") {
  const StepPictures pictures;
  for (const Device device : devices()) {
    INFO(concat(device));
    BatchUpload upload({kStepSide, kStepSide, 3}, device);
    std::string course;
    std::vector<float> pixels;
    std::vector<std::int32_t> labels;
    std::vector<Tensor> copies;
    const BatchSource source = pictures.batches();
    for_each_batch(
        [&](Batch& batch) {
          course += 'l';
          return source(batch);
        },
        upload,
        [&](const DeviceBatch& batch) {
          course += 's';
          CHECK(batch.pixels.shape() == Shape{batch.labels.size(), kStepSide, kStepSide, 3});
          copies = {batch.pixels.clone(), batch.labels.clone()};  // what the device computes
        },
        [&](const Batch& batch) {
          course += 'f';
          CHECK(copies[1].to_vector<std::int32_t>() == batch.labels);
          const auto sent = copies[0].to_vector<float>();
          pixels.insert(pixels.end(), sent.begin(), sent.end());
          labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
          return true;
        });
    CHECK(pixels == pictures.pixels);
    CHECK(labels == pictures.labels);
    CHECK(course == (upload.is_beside() ? "lslfslfslfslfslfslfslf" : "lsflsflsflsflsflsflsfl"));
  }
}

TEST_CASE("batches: finish() can end the pass, and none at all is no pass") {
  const StepPictures pictures;
  for (const Device device : devices()) {
    INFO(concat(device));
    BatchUpload upload({kStepSide, kStepSide, 3}, device);
    int started = 0, finished = 0;
    const auto start = [&](const DeviceBatch&) { ++started; };
    for_each_batch(pictures.batches(), upload, start, [&](const Batch&) { return ++finished < 3; });
    CHECK(started == 3);
    CHECK(finished == 3);
    for_each_batch([](Batch&) { return false; }, upload, start, [](const Batch&) { return true; });
    CHECK(started == 3);
  }
}

TEST_CASE("batches: a larger one than all before") {
  for (const Device device : devices()) {
    INFO(concat(device));
    BatchUpload upload({2}, device);
    std::vector<Tensor> seen;
    for (int size = 1; size <= 6; ++size) {
      Batch batch;
      for (int i = 0; i < size; ++i) {
        batch.labels.push_back(10 * size + i);
        batch.pixels.insert(batch.pixels.end(), 2, static_cast<float>(size));
      }
      const DeviceBatch sent = upload(batch);
      seen.push_back(sent.labels.clone());
      seen.push_back(sent.pixels.clone());
    }
    for (int size = 1; size <= 6; ++size) {
      std::vector<std::int32_t> labels(static_cast<std::size_t>(size));
      std::iota(labels.begin(), labels.end(), 10 * size);
      const auto at = static_cast<std::size_t>(2 * (size - 1));
      CHECK(seen[at].to_vector<std::int32_t>() == labels);
      CHECK(seen[at + 1].to_vector<double>() ==
            std::vector<double>(static_cast<std::size_t>(2 * size), size));
    }
  }
}

}  // namespace
}  // namespace tl::test
