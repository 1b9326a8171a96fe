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

TEST_CASE("sgd: Nesterov by hand; a parameter that comes late") {
  EveryDevice every("sgd");
  every.run([](Device device) {
    const NamedTensor w = parameter({1, -2}, DType::f32, device);
    NamedTensor late = parameter({4}, DType::f32, device);
    late.name = "late";
    Sgd sgd({w, late}, 0.5, {.momentum = 0.5, .nesterov = true});
    // velocity = g; w -= (g + velocity / 2) / 2
    give_gradient(w, {1, 4});
    sgd.step();
    CHECK(w.tensor.to_vector<double>() == Values{0.25, -5});
    // velocity = {2.5, -2}
    give_gradient(w, {2, -4});
    give_gradient(late, {2});
    sgd.step();
    CHECK(w.tensor.to_vector<double>() == Values{0.25 - 3.25 / 2, -5 + 5.0 / 2});
    CHECK(late.tensor.to_vector<double>() == Values{4 - 3.0 / 2});
  });
}

/// The formulas of kernels/adam.h on one number.
struct AdamByHand {
  AdamProblem o;
  long double m = 0, v = 0;
  int step = 0;
  long double next(long double w, long double dw, long double rate) {
    ++step;
    const long double g = dw + (o.decoupled ? 0 : o.weight_decay) * w;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const long double m_hat = m / (1 - std::pow(static_cast<long double>(o.beta1), step));
    const long double v_hat = v / (1 - std::pow(static_cast<long double>(o.beta2), step));
    if (o.decoupled) w *= 1 - rate * o.weight_decay;
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

TEST_CASE("adam and adamw: ten steps, every device") {
  for (const auto& [decay, decoupled] :
       {std::pair(0.0, false), std::pair(0.125, false), std::pair(0.125, true)}) {
    CAPTURE(decay);
    CAPTURE(decoupled);
    const AdamProblem options{.beta1 = 0.75,
                              .beta2 = 0.9375,
                              .epsilon = 1e-4,
                              .weight_decay = decay,
                              .decoupled = decoupled};
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

TEST_CASE("adamw: decoupled decay, 0.01 unless told otherwise") {
  const NamedTensor a = parameter({2}, DType::f64, Device::ref);
  const NamedTensor b = parameter({2}, DType::f64, Device::ref);
  AdamW by_default({a}, 0.5);
  AdamW chosen({b}, 0.5, {.weight_decay = 0.25});  // decoupled all the same
  give_gradient(a, {0});
  give_gradient(b, {0});
  by_default.step();
  chosen.step();
  CHECK(a.tensor.item() == 2 - 0.5 * (0.01 * 2));
  CHECK(b.tensor.item() == 2 - 0.5 * (0.25 * 2));
}

TEST_CASE("adam: a parameter's steps are its own, unfrozen late or frozen for a while") {
  const AdamProblem options{.beta1 = 0.75, .beta2 = 0.9375, .epsilon = 1e-4};
  EveryDevice every("adam");
  every.run([&](Device device) {
    const NamedTensor always = parameter({4}, DType::f32, device);
    const NamedTensor late = parameter({4}, DType::f32, device);
    const NamedTensor paused = parameter({4}, DType::f32, device);
    Adam adam({always, late, paused}, 0.125, options);
    const auto step_with = [&](const NamedTensor& p, bool takes_part, AdamByHand& by_hand,
                               long double& w, double dw) {
      p.tensor.set_requires_grad(takes_part);
      give_gradient(p, {dw});
      if (takes_part) w = by_hand.next(w, dw, 0.125);
    };
    AdamByHand of_always{options}, of_late{options}, of_paused{options};
    long double w_always = 4, w_late = 4, w_paused = 4;
    Random random(3);
    for (int i = 0; i < 8; ++i) {
      const double dw = random.uniform(0.5, 1);
      step_with(always, true, of_always, w_always, dw);
      step_with(late, i >= 3, of_late, w_late, dw);
      step_with(paused, i < 2 || i >= 5, of_paused, w_paused, dw);
      adam.step();
    }
    const auto check_one = [](const NamedTensor& p, long double w) {
      check_close(p.tensor.to_vector<double>(), {static_cast<double>(w)}, f32_sum_bound(100), "w");
    };
    check_one(always, w_always);
    check_one(late, w_late);
    check_one(paused, w_paused);
  });
}

TEST_CASE("optimizers: gradients are clipped by their norm over all parameters") {
  EveryDevice every("gradient clipping");
  every.run([](Device device) {
    const NamedTensor a = parameter({1, 1}, DType::f32, device);
    const NamedTensor b = parameter({1}, DType::f32, device);
    const NamedTensor frozen = parameter({1}, DType::f32, device);
    frozen.tensor.set_requires_grad(false);
    Sgd sgd({a, b, frozen}, 1);
    const auto step = [&] {
      give_gradient(a, {3, -4});
      give_gradient(b, {12});
      give_gradient(frozen, {1e6});  // does not count
      sgd.step();
    };
    sgd.clip_gradient_norm(6.5);
    step();  // the norm is 13: half of everything
    CHECK(sgd.gradient_norm() == 13);
    check_close(a.tensor.to_vector<double>(), {1 - 1.5, 1 + 2}, 1e-6, "a");
    check_close(b.tensor.to_vector<double>(), {1 - 6}, 1e-6, "b");
    CHECK(a.tensor.grad().to_vector<double>() == Values{3, -4});
    const Values before = b.tensor.to_vector<double>();
    sgd.clip_gradient_norm(13.5);  // not reached: exactly the plain step
    step();
    CHECK(sgd.gradient_norm() == 13);
    CHECK(b.tensor.to_vector<double>() ==
          Values{static_cast<double>(static_cast<float>(before[0]) - 12.0f)});
    sgd.clip_gradient_norm(HUGE_VAL);
    step();
    CHECK(sgd.gradient_norm() == 0);
  });
  const NamedTensor w = parameter({1}, DType::f64, Device::ref);
  Sgd sgd({w}, 1);
  for (const double norm : {0.0, -1.0, std::nan("")}) {
    CHECK_ERROR(
        sgd.clip_gradient_norm(norm),
        concat("optimizer: the norm to clip gradients to must be positive, got ", norm).c_str());
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
  CHECK_ERROR(Sgd({parameter({1}, DType::f32, Device::ref)}, 0.1, {.nesterov = true}),
              "sgd: Nesterov needs a momentum, got 0");
  const NamedTensor a = parameter({1}, DType::f32, Device::ref);
  NamedTensor b = parameter({1}, DType::f32, Device::cpu);
  b.name = "fc.bias";
  CHECK_ERROR(Adam({a, b}, 0.1), "optimizer: fc.bias is on cpu, w on ref");
  const NamedTensor c = parameter({1}, DType::f32, Device::ref), twin{"head.w", a.tensor};
  CHECK_ERROR(Sgd({a, c, twin}, 0.1), "optimizer: head.w and w are one tensor");
  CHECK_ERROR(Sgd({a}, 0.1, {.momentum = -0.5}),
              "sgd: momentum and weight decay must be at least 0, got -0.5 and 0");
  CHECK_ERROR(Sgd({a}, 0.1, {.weight_decay = NAN}),
              "sgd: momentum and weight decay must be at least 0, got 0 and nan");
  CHECK_ERROR(Adam({a}, 0.1, {.beta1 = 1}), "adam: betas must be in [0, 1), got 1 and 0.999");
  CHECK_ERROR(Adam({a}, 0.1, {.beta2 = -0.1}), "adam: betas must be in [0, 1), got 0.9 and -0.1");
  CHECK_ERROR(AdamW({a}, 0.1, {.epsilon = -1}),
              "adam: epsilon and weight decay must be at least 0, got -1 and 0");
}

}  // namespace
}  // namespace tl::test
