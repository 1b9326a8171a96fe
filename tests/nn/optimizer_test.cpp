// Optimizers against steps computed by hand and against the formulas in long double.
#include "nn/optimizer.h"

#include <cmath>

#include "engine/ops.h"
#include "tests/support/compare.h"
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

NamedTensor parameter(const Values& w, DType dtype, Device device) {
  const Tensor x = Tensor::from(w, {static_cast<std::int64_t>(w.size())}, dtype, device);
  return {"w", x.set_requires_grad()};
}
void give_gradient(const NamedTensor& p, const Values& dw) {
  p.tensor.set_grad(Tensor::from(dw, p.tensor.shape(), p.tensor.dtype(), p.tensor.device()));
}

TEST_CASE("sgd: steps by hand") {
  // Numbers that f32 holds exactly.
  EveryDevice every("sgd");
  every.run([](Device device) {
    const NamedTensor w = parameter({1, -2}, DType::f32, device);
    Sgd plain({w}, 0.5);
    give_gradient(w, {1, 4});
    plain.step();
    CHECK(w.tensor.to_vector<double>() == Values{0.5, -4});
    plain.learning_rate = 0.25;  // a schedule sets it between the steps
    plain.step();
    CHECK(w.tensor.to_vector<double>() == Values{0.25, -5});

    const NamedTensor v = parameter({1, -2}, DType::f32, device);
    Sgd momentum({v}, 0.5, {.momentum = 0.5, .weight_decay = 0.25});
    // g = dw + 0.25 w = {1.25, 3.5}; velocity = g; w -= velocity / 2
    give_gradient(v, {1, 4});
    momentum.step();
    CHECK(v.tensor.to_vector<double>() == Values{0.375, -3.75});
    // g = {2.09375, -4.9375}; velocity = {2.71875, -3.1875}
    give_gradient(v, {2, -4});
    momentum.step();
    CHECK(v.tensor.to_vector<double>() == Values{0.375 - 2.71875 / 2, -3.75 + 3.1875 / 2});
  });
}

/// The formulas of kernels/adam.h on one number.
struct AdamByHand {
  AdamProblem o;
  long double m = 0, v = 0;
  int step = 0;
  long double next(long double w, long double dw, long double rate) {
    ++step;
    const long double g = dw + o.weight_decay * w;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const long double m_hat = m / (1 - std::pow(static_cast<long double>(o.beta1), step));
    const long double v_hat = v / (1 - std::pow(static_cast<long double>(o.beta2), step));
    return w - rate * m_hat / (std::sqrt(v_hat) + o.epsilon);
  }
};

TEST_CASE("adam: the first step is the learning rate, whatever the gradient's size") {
  EveryDevice every("adam");
  every.run([](Device device) {
    const NamedTensor w = parameter({1, 1, 1}, DType::f32, device);
    Adam adam({w}, 0.25);
    give_gradient(w, {3, -1e-3, 1e4});
    adam.step();
    check_close(w.tensor.to_vector<double>(), {0.75, 1.25, 0.75}, 2e-5, "w");  // epsilon / 1e-3
  });
}

TEST_CASE("adam: ten steps, every device") {
  for (const double decay : {0.0, 0.125}) {
    const AdamProblem options{
        .beta1 = 0.75, .beta2 = 0.9375, .epsilon = 1e-4, .weight_decay = decay};
    const std::size_t size = 37;
    Random random(7);
    const Values start = random.uniform_vector(static_cast<std::int64_t>(size));
    std::vector<Values> gradients;
    for (int i = 0; i < 10; ++i) gradients.push_back(random.uniform_vector(size));
    Values expected = start;
    std::vector<AdamByHand> by_hand(size, AdamByHand{options});
    for (int i = 0; i < 10; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        expected[j] = static_cast<double>(by_hand[j].next(
            expected[j], gradients[static_cast<std::size_t>(i)][j], 0.05 / (1 + i)));
      }
    }
    const auto run = [&](DType dtype, Device device, double bound) {
      const NamedTensor w = parameter(start, dtype, device);
      Adam adam({w}, 0, options);
      for (int i = 0; i < 10; ++i) {
        adam.learning_rate = 0.05 / (1 + i);
        give_gradient(w, gradients[static_cast<std::size_t>(i)]);
        adam.step();
      }
      check_close(w.tensor.to_vector<double>(), expected, bound, "w after 10 steps");
    };
    run(DType::f64, Device::ref, 1e-14);
    EveryDevice every("adam");
    every.run([&](Device device) { run(DType::f32, device, f32_sum_bound(10)); });
  }
}

TEST_CASE("optimizers: parameters that are frozen or have no gradient stay") {
  using Parameters = std::vector<NamedTensor>;
  EveryDevice every("optimizers");
  every.run([](Device device) {
    const auto check_with = [&](auto make) {
      const NamedTensor trained = parameter({1, 2}, DType::f32, device);
      const NamedTensor frozen = parameter({3}, DType::f32, device);
      const NamedTensor unused = parameter({4}, DType::f32, device);
      give_gradient(trained, {1, 1});
      give_gradient(frozen, {1});
      frozen.tensor.set_requires_grad(false);
      auto optimizer = make({trained, frozen, unused});
      const auto frozen_version = frozen.tensor.version();
      optimizer.step();
      CHECK(trained.tensor.to_vector<double>() != Values{1, 2});
      CHECK(frozen.tensor.to_vector<double>() == Values{3});
      CHECK(frozen.tensor.version() == frozen_version);
      CHECK(unused.tensor.to_vector<double>() == Values{4});
      optimizer.clear_gradients();
      CHECK(!trained.tensor.grad());
      const Values after = trained.tensor.to_vector<double>();
      optimizer.step();
      CHECK(trained.tensor.to_vector<double>() == after);
    };
    check_with([](Parameters p) { return Sgd(std::move(p), 0.5, {.momentum = 0.9}); });
    check_with([](Parameters p) { return Adam(std::move(p), 0.5); });
  });
}

TEST_CASE("optimizers: a step counts as a write") {
  const NamedTensor w = parameter({1, 2}, DType::f64, Device::ref);
  const Tensor x = Tensor::full({1, 2}, 1, DType::f64, Device::ref).set_requires_grad();
  const Tensor y = linear(x, reshape(w.tensor, {1, 2}), {});
  give_gradient(w, {1, 1});
  Sgd({w}, 0.1).step();
  CHECK_ERROR(backward(y),
              "linear: a tensor that backward needs was overwritten after the forward pass");
}

TEST_CASE("optimizers: errors") {
  CHECK_ERROR(Sgd({}, 0.1), "optimizer: there are no parameters");
  const NamedTensor a = parameter({1}, DType::f32, Device::ref);
  NamedTensor b = parameter({1}, DType::f32, Device::cpu);
  b.name = "fc.bias";
  CHECK_ERROR(Adam({a, b}, 0.1), "optimizer: fc.bias is on cpu, w on ref");
  const NamedTensor c = parameter({1}, DType::f32, Device::ref), twin{"head.w", a.tensor};
  CHECK_ERROR(Sgd({a, c, twin}, 0.1), "optimizer: head.w and w are one tensor");
}

}  // namespace
}  // namespace tl::test
