// HeadTrainer: learns what can be learnt, sees every row once per epoch, and repeats itself.
#include "apps/head_trainer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/random.h"

namespace tl::test {
namespace {

/// Two classes of points around (1, 1, 0) and (-1, -1, 0); the third column says nothing.
Features two_clouds(std::int64_t rows, std::uint64_t seed) {
  Random random(seed);
  Features f;
  f.columns = 3;
  for (std::int64_t i = 0; i < rows; ++i) {
    const int label = static_cast<int>(i % 2);
    for (double centre : {label ? -1.0 : 1.0, label ? -1.0 : 1.0, 0.0})
      f.x.push_back(static_cast<float>(centre + 0.5 * random.uniform()));
    f.labels.push_back(label);
    f.samples.push_back(i);
  }
  return f;
}

const Recipe kRecipe{.batch_size = 8, .learning_rate = 0.05, .seed = 3};

}  // namespace

TEST_CASE("a head learns two clouds that a plane separates") {
  const Features train = two_clouds(50, 1), val = two_clouds(20, 2);
  HeadTrainer trainer(train, 2, kRecipe, Device::cpu);
  for (int epoch = 0; epoch < 20; ++epoch) trainer.run_epoch();
  CHECK(trainer.evaluate(train)->right == 50);
  CHECK(trainer.evaluate(val)->accuracy == 1);
  CHECK(trainer.evaluate(val)->loss < 0.1);
}

TEST_CASE("every epoch is a new order of all rows") {
  const Features train = two_clouds(50, 1);
  HeadTrainer trainer(train, 2, kRecipe, Device::cpu);
  const auto first = trainer.run_epoch(), second = trainer.run_epoch();
  CHECK(first != second);
  for (auto order : {first, second}) {
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < 50; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("the same seed gives the same bits, another seed another head") {
  const Features train = two_clouds(30, 1);
  const auto weights = [&](std::uint64_t seed) {
    Recipe recipe = kRecipe;
    recipe.seed = seed;
    HeadTrainer trainer(train, 2, recipe, Device::cpu);
    trainer.run_epoch();
    return trainer.head.weight.to_vector<float>();
  };
  CHECK(weights(3) == weights(3));
  CHECK(weights(3) != weights(4));
}

TEST_CASE("a score is the mean loss and the share of right answers") {
  Features f = two_clouds(4, 1);
  HeadTrainer trainer(f, 2, kRecipe, Device::ref);
  trainer.head.weight.copy_from(Tensor::zeros({2, 3}, DType::f32, Device::ref));
  trainer.head.bias.copy_from(
      Tensor::from(std::vector<double>{std::log(3.0), 0}, {2}, DType::f32, Device::ref));
  const auto score = trainer.evaluate(f);  // probabilities 3/4 and 1/4 for every row
  CHECK(score->right == 2);
  CHECK(score->accuracy == 0.5);
  CHECK(score->loss == doctest::Approx(-(std::log(0.75) + std::log(0.25)) / 2).epsilon(1e-6));
  f = Features{};
  f.columns = 3;
  CHECK(!trainer.evaluate(f).has_value());
}

TEST_CASE("no row to train on is an error") {
  const Features none{.columns = 3, .x = {}, .labels = {}, .samples = {}};
  CHECK_THROWS_WITH_AS(HeadTrainer(none, 2, kRecipe, Device::cpu),
                       "training: there is no picture to train on", Error);
}

}  // namespace tl::test
