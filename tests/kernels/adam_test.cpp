// adam: by hand, several steps against ref in f64, many tensors at once.
#include <doctest/doctest.h>

#include <span>
#include <string>
#include <tuple>

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

/// All parameters and moments after `steps` steps with a new gradient each.
std::vector<Values> adam_steps(const Backend& b, DType dtype, const AdamProblem& p, int steps,
                               std::int64_t offset = 0) {
  Random random(9);
  std::vector<DeviceBuffer> w, m, v, bf16_w;
  for (std::int64_t size : kParameterSizes) {
    const Values zeros(static_cast<std::size_t>(size), 0);
    w.emplace_back(b, dtype, random.uniform_vector(size), offset);
    m.emplace_back(b, dtype, zeros, offset);
    v.emplace_back(b, dtype, zeros, offset);
    if (computes_bf16(b)) bf16_w.emplace_back(b, DType::bf16, size, offset);
  }
  for (int step = 1; step <= steps; ++step) {
    std::vector<DeviceBuffer> dw;
    std::vector<AdamTensor> tensors;
    for (std::size_t i = 0; i < w.size(); ++i) {
      dw.emplace_back(b, dtype, random.uniform_vector(kParameterSizes[i]), offset);
      tensors.push_back({w[i], dw[i], m[i], v[i]});
      if (!bf16_w.empty()) tensors.back().bf16_w = bf16_w[i];
    }
    const StepStateBuffer state(
        b, {.learning_rate = 0.01 * step, .step = step, .gradient_factor = 1.0 / step});
    b.adam.step({}, p, tensors, state.data());
  }
  std::vector<Values> result;
  for (std::size_t i = 0; i < w.size(); ++i) {
    for (const DeviceBuffer* buffer : {&w[i], &m[i], &v[i]}) result.push_back(buffer->read());
    if (!bf16_w.empty()) CHECK((bf16_w[i].read() == rounded_to_bf16(w[i].read())));
  }
  return result;
}

TEST_CASE("adam by hand") {
  for (const Backend& b : tested_backends()) {
    if (!b.adam.step) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer w(b, DType::f32, Values{3}), dw(b, DType::f32, Values{4}),
        m(b, DType::f32, Values{0}), v(b, DType::f32, Values{0});
    const AdamTensor tensors[] = {{w, dw, m, v}};
    const AdamProblem p{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 1, .weight_decay = 0};
    // m = 2, v = 4; corrected 4 and 16: w = 3 - 2 * 4 / (4 + 1)
    b.adam.step({}, p, tensors, StepStateBuffer(b, {.learning_rate = 2, .step = 1}).data());
    CHECK(m.read() == Values{2});
    CHECK(v.read() == Values{4});
    check_close(w.read(), {3 - 8.0 / 5}, 0x1p-22, "w");
    // m = 3, v = 7; corrected 3 / 0.75 = 4 and 7 / 0.4375 = 16: the same step again
    b.adam.step({}, p, tensors, StepStateBuffer(b, {.learning_rate = 2, .step = 2}).data());
    CHECK(m.read() == Values{3});
    CHECK(v.read() == Values{7});
    check_close(w.read(), {3 - 16.0 / 5}, 0x1p-19, "w");  // the difference cancels 4 bits
    b.adam.step({}, p, {}, StepStateBuffer(b, {.learning_rate = 2, .step = 3}).data());
  }
}

TEST_CASE("adam by hand: decoupled decay, gradient factor, missed steps") {
  for (const Backend& b : tested_backends()) {
    if (!b.adam.step) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer dw(b, DType::f32, Values{8}), m0(b, DType::f32, Values{0}),
        v0(b, DType::f32, Values{0}), m1(b, DType::f32, Values{0}), v1(b, DType::f32, Values{0}),
        w0(b, DType::f32, Values{3}), w1(b, DType::f32, Values{3});
    // The parameter that missed two steps is in its first, as the other was in step 1.
    const AdamTensor first[] = {{w0, dw, m0, v0}};
    const AdamTensor late[] = {{w1, dw, m1, v1, 2}};
    const AdamProblem p{
        .beta1 = 0.5, .beta2 = 0.75, .epsilon = 1, .weight_decay = 0.25, .decoupled = true};
    const auto step = [&](std::span<const AdamTensor> tensors, std::int64_t number) {
      b.adam.step(
          {}, p, tensors,
          StepStateBuffer(b, {.learning_rate = 2, .step = number, .gradient_factor = 0.5}).data());
    };
    step(first, 1);
    step(late, 3);
    // g = 8 / 2 without decay: m = 2, v = 4; corrected 4 and 16: w = 3 - 2 * (4 / 5 + 0.25 * 3)
    for (const auto& [w, m, v] : {std::tuple(&w0, &m0, &v0), std::tuple(&w1, &m1, &v1)}) {
      CHECK(m->read() == Values{2});
      CHECK(v->read() == Values{4});
      check_close(w->read(), {3 - 2 * (0.8 + 0.75)}, 0x1p-18,
                  "w");  // the difference cancels 5 bits
    }
  }
}

TEST_CASE("adam against ref in f64 over 5 steps") {
  for (const AdamProblem& p : {AdamProblem{}, AdamProblem{.weight_decay = 0.1},
                               AdamProblem{.weight_decay = 0.1, .decoupled = true},
                               AdamProblem{.beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3}}) {
    CAPTURE(p.beta1);
    CAPTURE(p.weight_decay);
    const std::vector<Values> expected = adam_steps(reference(), DType::f64, p, 5);
    for (const Backend& b : tested_backends()) {
      if (!b.adam.step) continue;
      CAPTURE(std::string(b.name));
      for (std::int64_t offset : {0, 1}) {
        const std::vector<Values> found = adam_steps(b, DType::f32, p, 5, offset);
        for (std::size_t i = 0; i < found.size(); ++i) {
          CAPTURE(i);
          // Five steps of about twelve roundings each; w changes by a fraction of its size.
          check_close(found[i], expected[i], f32_sum_bound(60), "tensor");
        }
      }
    }
  }
}

TEST_CASE("adam: late steps have corrections of 1 and stay finite") {
  for (const Backend& b : tested_backends()) {
    if (!b.adam.step) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer w(b, DType::f32, Values{1}), dw(b, DType::f32, Values{0}),
        m(b, DType::f32, Values{0}), v(b, DType::f32, Values{0});
    const AdamTensor tensors[] = {{w, dw, m, v}};
    b.adam.step({}, {}, tensors, StepStateBuffer(b, {.learning_rate = 1, .step = 1000000}).data());
    CHECK(w.read() == Values{1});
  }
}

TEST_CASE("adam: wrong dtypes; same bits for every thread count") {
  for (const Backend& b : tested_backends()) {
    if (!b.adam.step) continue;
    const DeviceBuffer i32(b, DType::i32, 1);
    const AdamTensor tensors[] = {{i32, i32, i32, i32}};
    const StepStateBuffer state(b, {.learning_rate = 1, .step = 1});
    CHECK_THROWS_AS(b.adam.step({}, {}, tensors, state.data()), Error);
  }
  const Backend cpu = cpu_backend();
  const DeviceBuffer f32(cpu, DType::f32, 1), bf16(cpu, DType::bf16, 1);
  const AdamTensor tensors[] = {{f32, f32, f32, f32, 0, bf16}};
  const StepStateBuffer state(cpu, {.learning_rate = 1, .step = 1});
  CHECK_THROWS_AS(cpu.adam.step({}, {}, tensors, state.data()), Error);
  check_same_for_all_thread_counts(
      [] { return adam_steps(cpu_backend(), DType::f32, {.weight_decay = 0.01}, 3); });
}

}  // namespace
}  // namespace tl::test
