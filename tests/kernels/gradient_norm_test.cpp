// gradient_norm: by hand, against long double, over many tensors at once.
#include "kernels/gradient_norm.h"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/step_state_buffer.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

const StepState kBefore{.learning_rate = 0.5, .step = 7, .gradient_factor = 99, .gradient_norm = 9};

StepState clip(const Backend& b, DType dtype, double max_norm, const std::vector<Values>& gradients,
               std::int64_t offset = 0) {
  std::vector<DeviceBuffer> dw;
  for (const Values& g : gradients) dw.emplace_back(b, dtype, g, offset);
  std::vector<GradientNormTensor> tensors;
  for (const DeviceBuffer& buffer : dw) tensors.push_back({.dw = buffer});
  const DeviceBuffer workspace(b, DType::f64, gradient_norm_chunks(tensors));
  const StepStateBuffer state(b, kBefore);
  b.gradient_norm.clip({}, max_norm, tensors, workspace, state.data());
  return state.read();
}

template <class F>
void for_each_clipping_backend(const F& f) {
  for_each_backend([&](const Backend& b) {
    if (b.gradient_norm.clip) f(b);
  });
}

TEST_CASE("gradient_norm by hand") {
  for_each_clipping_backend([](const Backend& b) {
    // 3-4-12-84: the norm is 85.
    const StepState clipped = clip(b, DType::f32, 17, {{3, -4}, {}, {12}, {84}});
    CHECK(clipped.gradient_norm == 85);
    CHECK(clipped.gradient_factor == 17 / (85 + 1e-6));
    CHECK(clipped.learning_rate == kBefore.learning_rate);
    CHECK(clipped.step == kBefore.step);
    CHECK(clip(b, DType::f32, 86, {{3, -4}, {12}, {84}}).gradient_factor == 1);
    const StepState none = clip(b, DType::f32, 2, {});
    CHECK(none.gradient_norm == 0);
    CHECK(none.gradient_factor == 1);
  });
}

TEST_CASE("gradient_norm: NaN and infinity are not hidden") {
  for_each_clipping_backend([](const Backend& b) {
    const StepState nan = clip(b, DType::f32, 1, {{1, 2, std::nan("")}});
    CHECK(std::isnan(nan.gradient_norm));
    CHECK(std::isnan(nan.gradient_factor));
    const StepState inf = clip(b, DType::f32, 1, {{1, -HUGE_VAL}});
    CHECK(inf.gradient_norm == HUGE_VAL);
    CHECK(inf.gradient_factor == 0);
    // Squares that f32 could not hold.
    CHECK(clip(b, DType::f32, 1, {{0x1p100, 0x1p-100}}).gradient_norm == 0x1p100);
  });
}

TEST_CASE("gradient_norm against long double, every size around a vector and a chunk") {
  std::vector<Values> gradients;
  Random random(4);
  for (const std::int64_t size : {1, 0, 7, 31, 33, 16383, 16384, 16385, 40001}) {
    gradients.push_back(random.uniform_vector(size));
  }
  long double sum_sq = 0;
  for (const Values& gradient : gradients) {
    for (const double g : gradient) sum_sq += static_cast<long double>(g) * g;
  }
  const double expected = static_cast<double>(std::sqrt(sum_sq));
  // Below 7000 additions in f64 on every path, of numbers of one sign.
  check_close({clip(reference(), DType::f64, 1, gradients).gradient_norm}, {expected}, 1e-13,
              "norm in f64");
  for_each_clipping_backend([&](const Backend& b) {
    for (std::int64_t offset : {0, 1}) {
      const StepState state = clip(b, DType::f32, 1, gradients, offset);
      check_close({state.gradient_norm}, {expected}, 1e-13, "norm");
      check_close({state.gradient_factor}, {1 / (expected + 1e-6)}, 1e-13, "factor");
    }
  });
}

TEST_CASE("gradient_norm: wrong dtypes; same bits for every thread count") {
  for_each_clipping_backend(
      [](const Backend& b) { CHECK_THROWS_AS(clip(b, DType::i32, 1, {{1}}), Error); });
  const std::vector<Values> gradients = {Random(1).uniform_vector(100001),
                                         Random(2).uniform_vector(70001)};
  check_same_for_all_thread_counts([&] {
    const StepState state = clip(cpu_backend(), DType::f32, 1, gradients);
    return std::pair(state.gradient_norm, state.gradient_factor);
  });
}

}  // namespace
}  // namespace tl::test
