// sgd: by hand, several steps against ref in f64, many tensors at once.
#include <doctest/doctest.h>

#include <string>

#include "tests/kernels/parameter_sizes.h"
#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/step_state_buffer.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// All parameters and velocities after `steps` steps with a new gradient each.
std::vector<Values> sgd_steps(const Backend& b, DType dtype, const SgdProblem& p, int steps,
                              std::int64_t offset = 0) {
  Random random(9);
  std::vector<DeviceBuffer> w, velocity, bf16_w;
  for (std::int64_t size : kParameterSizes) {
    w.emplace_back(b, dtype, random.uniform_vector(size), offset);
    velocity.emplace_back(b, dtype, size, offset);  // NaN: step 1 must not read it
    if (computes_bf16(b)) bf16_w.emplace_back(b, DType::bf16, size, offset);
  }
  for (int step = 1; step <= steps; ++step) {
    std::vector<DeviceBuffer> dw;
    std::vector<SgdTensor> tensors;
    for (std::size_t i = 0; i < w.size(); ++i) {
      dw.emplace_back(b, dtype, random.uniform_vector(kParameterSizes[i]), offset);
      tensors.push_back({w[i], dw[i], p.momentum != 0 ? velocity[i].view() : View{}});
      if (!bf16_w.empty()) tensors.back().bf16_w = bf16_w[i];
    }
    const StepStateBuffer state(
        b, {.learning_rate = 0.1 / step, .step = step, .gradient_factor = 1.0 / step});
    b.sgd.step({}, p, tensors, state.data());
  }
  std::vector<Values> result;
  for (std::size_t i = 0; i < w.size(); ++i) {
    result.push_back(w[i].read());
    if (!bf16_w.empty()) CHECK((bf16_w[i].read() == rounded_to_bf16(w[i].read())));
    if (p.momentum != 0) result.push_back(velocity[i].read());
  }
  return result;
}

TEST_CASE("sgd by hand") {
  for (const Backend& b : tested_backends()) {
    if (!b.sgd.step) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer w(b, DType::f32, Values{4}), dw(b, DType::f32, Values{1}),
        velocity(b, DType::f32, 1);
    const SgdTensor tensors[] = {{w, dw, velocity}};
    const SgdProblem p{.momentum = 0.5, .weight_decay = 0.25};
    // g = 1 + 0.25 * 4 = 2, velocity 2, w = 4 - 0.5 * 2 = 3
    b.sgd.step({}, p, tensors, StepStateBuffer(b, {.learning_rate = 0.5, .step = 1}).data());
    CHECK(velocity.read() == Values{2});
    CHECK(w.read() == Values{3});
    // g = 1 + 0.75, velocity = 0.5 * 2 + 1.75, w = 3 - 0.5 * 2.75
    b.sgd.step({}, p, tensors, StepStateBuffer(b, {.learning_rate = 0.5, .step = 2}).data());
    CHECK(velocity.read() == Values{2.75});
    CHECK(w.read() == Values{1.625});
    // Without momentum there is no velocity: w = 1.625 - 0.5 * 1
    const SgdTensor plain[] = {{w, dw, {}}};
    b.sgd.step({}, {}, plain, StepStateBuffer(b, {.learning_rate = 0.5, .step = 3}).data());
    CHECK(w.read() == Values{1.125});
    b.sgd.step({}, p, {}, StepStateBuffer(b, {.learning_rate = 0.5, .step = 4}).data());
  }
}

TEST_CASE("sgd by hand: Nesterov, gradient factor") {
  for (const Backend& b : tested_backends()) {
    if (!b.sgd.step) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer w(b, DType::f32, Values{4}), dw(b, DType::f32, Values{8}),
        velocity(b, DType::f32, 1);
    const SgdTensor tensors[] = {{w, dw, velocity}};
    const SgdProblem p{.momentum = 0.5, .weight_decay = 0.25, .nesterov = true};
    const auto step = [&](std::int64_t number) {
      b.sgd.step(
          {}, p, tensors,
          StepStateBuffer(b, {.learning_rate = 0.5, .step = number, .gradient_factor = 0.125})
              .data());
    };
    // g = 8 / 8 + 0.25 * 4 = 2, velocity 2, w = 4 - 0.5 * (2 + 0.5 * 2)
    step(1);
    CHECK(velocity.read() == Values{2});
    CHECK(w.read() == Values{2.5});
    // g = 1 + 0.625, velocity = 1 + 1.625, w = 2.5 - 0.5 * (1.625 + 1.3125)
    step(2);
    CHECK(velocity.read() == Values{2.625});
    CHECK(w.read() == Values{2.5 - 0.5 * 2.9375});
  }
}

TEST_CASE("sgd against ref in f64 over 5 steps") {
  for (const SgdProblem& p :
       {SgdProblem{}, SgdProblem{.momentum = 0.9}, SgdProblem{.momentum = 0.8, .nesterov = true},
        SgdProblem{.momentum = 0.9, .weight_decay = 0.01}}) {
    CAPTURE(p.momentum);
    CAPTURE(p.weight_decay);
    const std::vector<Values> expected = sgd_steps(reference(), DType::f64, p, 5);
    for (const Backend& b : tested_backends()) {
      if (!b.sgd.step) continue;
      CAPTURE(std::string(b.name));
      for (std::int64_t offset : {0, 1}) {
        const std::vector<Values> found = sgd_steps(b, DType::f32, p, 5, offset);
        for (std::size_t i = 0; i < found.size(); ++i) {
          CAPTURE(i);
          // Five steps of at most six roundings each.
          check_close(found[i], expected[i], f32_sum_bound(30), "tensor");
        }
      }
    }
  }
}

TEST_CASE("sgd: wrong dtypes; same bits for every thread count") {
  for (const Backend& b : tested_backends()) {
    if (!b.sgd.step) continue;
    const DeviceBuffer i32(b, DType::i32, 1);
    const SgdTensor tensors[] = {{i32, i32, i32}};
    const StepStateBuffer state(b, {.learning_rate = 1, .step = 1});
    CHECK_THROWS_AS(b.sgd.step({}, {}, tensors, state.data()), Error);
  }
  const Backend cpu = cpu_backend();
  const DeviceBuffer f32(cpu, DType::f32, 1), bf16(cpu, DType::bf16, 1);
  const SgdTensor tensors[] = {{f32, f32, f32, bf16}};
  const StepStateBuffer state(cpu, {.learning_rate = 1, .step = 1});
  CHECK_THROWS_AS(cpu.sgd.step({}, {}, tensors, state.data()), Error);
  check_same_for_all_thread_counts([] {
    return sgd_steps(cpu_backend(), DType::f32, {.momentum = 0.9, .weight_decay = 0.01}, 3);
  });
}

}  // namespace
}  // namespace tl::test
