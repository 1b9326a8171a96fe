// Descent: a step of each recipe against the formula, worked out by hand on one parameter.
#include "apps/recipe.h"

#include <doctest/doctest.h>

#include <cmath>

namespace tl::test {
namespace {

/// Logits are w itself: one row of two classes.
struct TwoLogits {
  Tensor w = Tensor::from(std::vector<double>{0.5, -0.25}, {1, 2}, DType::f32, Device::ref)
                 .set_requires_grad();
  Tensor label = Tensor::from(std::vector<std::int32_t>{1}, {1}, DType::i32, Device::ref);

  std::vector<NamedTensor> parameters() const { return {{"w", w}}; }
  /// The first softmax probability: also the gradient of the loss by w[0]; that by w[1] is its
  /// negative.
  double p() const {
    const auto v = w.to_vector<double>();
    return 1 / (1 + std::exp(v[1] - v[0]));
  }
};

Recipe sgd() {
  Recipe r;
  r.optimizer = "sgd";
  r.learning_rate = 0.1;
  r.momentum = 0;
  r.batch_size = 1;
  r.epochs = 6;
  return r;
}

const ClassCounts kOnePicture = {0, 1};

}  // namespace

TEST_CASE("a step goes down the gradient of the loss, and returns the loss before it") {
  TwoLogits x;
  Descent descent(x.parameters(), sgd(), kOnePicture);
  const double p = x.p();
  CHECK(descent.step(x.w, x.label).item() == doctest::Approx(-std::log(1 - p)).epsilon(1e-6));
  CHECK(x.w.to_vector<double>()[0] == doctest::Approx(0.5 - 0.1 * p).epsilon(1e-6));
  CHECK(x.w.to_vector<double>()[1] == doctest::Approx(-0.25 + 0.1 * p).epsilon(1e-6));
}

TEST_CASE("gradients are clipped, weights decay, labels are smoothed") {
  const auto moved = [](const Recipe& recipe) {
    TwoLogits x;
    Descent descent(x.parameters(), recipe, kOnePicture);
    descent.step(x.w, x.label);
    return x.w.to_vector<double>()[0] - 0.5;
  };
  const double p = TwoLogits().p();
  Recipe r = sgd();
  r.clip = 0.1;  // the gradient is (p, -p)
  CHECK(moved(r) == doctest::Approx(-0.1 * 0.1 / std::sqrt(2.0)).epsilon(1e-4));
  r = sgd();
  r.weight_decay = 0.01;
  CHECK(moved(r) == doctest::Approx(-0.1 * (p + 0.01 * 0.5)).epsilon(1e-5));
  r = sgd();
  r.label_smoothing = 0.2;  // the target is (0.1, 0.9)
  CHECK(moved(r) == doctest::Approx(-0.1 * (p - 0.1)).epsilon(1e-5));
  r = sgd();
  r.optimizer = "adam";  // its first step has the length of the rate
  CHECK(moved(r) == doctest::Approx(-0.1).epsilon(1e-5));
  r.weight_decay = 0.01;
  CHECK(moved(r) == doctest::Approx(-0.1).epsilon(1e-5));
  r.optimizer = "adamw";
  CHECK(moved(r) == doctest::Approx(-0.1 - 0.1 * 0.01 * 0.5).epsilon(1e-5));
}

TEST_CASE("momentum carries a step into the next") {
  Recipe r = sgd();
  r.momentum = 0.5;
  TwoLogits x;
  Descent descent(x.parameters(), r, kOnePicture);
  const double first = x.p();
  descent.step(x.w, x.label);
  const double before = x.w.to_vector<double>()[0], second = x.p();
  descent.step(x.w, x.label);
  CHECK(x.w.to_vector<double>()[0] ==
        doctest::Approx(before - 0.1 * (0.5 * first + second)).epsilon(1e-5));
}

TEST_CASE("balanced classes: a class counts by the inverse of its pictures") {
  const auto loss = [](bool balanced) {
    const Tensor w =
        Tensor::from(std::vector<double>{0.5, -0.25, 0.5, -0.25}, {2, 2}, DType::f32, Device::ref)
            .set_requires_grad();
    const Tensor labels =
        Tensor::from(std::vector<std::int32_t>{0, 1}, {2}, DType::i32, Device::ref);
    Recipe r = sgd();
    r.balanced = balanced;
    return Descent({{"w", w}}, r, {9, 1}).step(w, labels).item();
  };
  const double p = TwoLogits().p(), of_0 = -std::log(p), of_1 = -std::log(1 - p);
  CHECK(loss(false) == doctest::Approx((of_0 + of_1) / 2).epsilon(1e-6));
  // Weights 10 / 18 and 10 / 2; the mean is weighted.
  CHECK(loss(true) == doctest::Approx((of_0 / 9 + of_1) / (1.0 / 9 + 1)).epsilon(1e-6));
}

TEST_CASE("the rate follows the schedule over all steps of the run") {
  const auto rates = [](const Recipe& recipe, const ClassCounts& counts, int steps) {
    TwoLogits x;
    Descent descent(x.parameters(), recipe, counts);
    std::vector<double> found;
    for (int i = 0; i < steps; ++i) {
      descent.step(x.w, x.label);
      found.push_back(descent.learning_rate());
    }
    return found;
  };
  Recipe r = sgd();
  CHECK(rates(r, kOnePicture, 3) == std::vector<double>{0.1, 0.1, 0.1});
  r.schedule = "step";  // 6 steps: a tenth after each 2
  const auto stairs = rates(r, kOnePicture, 6);
  CHECK(stairs[1] == doctest::Approx(0.1));
  CHECK(stairs[2] == doctest::Approx(0.01));
  CHECK(stairs[5] == doctest::Approx(0.001));
  r.schedule = "cosine";
  r.batch_size = 2;  // 3 pictures: 2 steps per epoch, 12 in all
  const auto cosine = rates(r, {1, 2}, 12);
  CHECK(cosine[0] == doctest::Approx(0.1));
  CHECK(cosine[6] == doctest::Approx(0.05));
  CHECK(cosine[11] < 0.005);
  r.warmup = 1;
  const auto warm = rates(r, {1, 2}, 4);
  CHECK(warm[0] < 0.01);
  CHECK(warm[1] < 0.1);
  CHECK(warm[2] == doctest::Approx(0.1));
}

TEST_CASE("what cannot be done is said") {
  TwoLogits x;
  Recipe r = sgd();
  CHECK_THROWS_WITH_AS(Descent(x.parameters(), r, {0, 0}),
                       "training: there is no picture to train on", Error);
  r.optimizer = "lion";
  CHECK_THROWS_WITH_AS(Descent(x.parameters(), r, kOnePicture),
                       "optimizer 'lion': known are sgd, adam, adamw", Error);
  r = sgd();
  r.schedule = "linear";
  CHECK_THROWS_AS(Descent(x.parameters(), r, kOnePicture), Error);
  x.w.set_requires_grad(false);
  CHECK_THROWS_AS(Descent(x.parameters(), sgd(), kOnePicture), Error);
  CHECK(count_classes({0, 2, 2}, 3) == ClassCounts{1, 0, 2});
  CHECK_THROWS_AS(count_classes({3}, 3), Error);
}

}  // namespace tl::test
