// conv2d on the matrix unit (kernels/cpu/amx.h): products of three pieces of bf16 round no more
// than f32 does, and what is not finite stays visible. That the results are right, whatever the
// shape, the tests of all instruction sets say.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/conv2d_checks.h"
#include "tests/support/backends.h"

namespace tl::test {
namespace {

/// Calls f(cpu backend) with the kernels on the matrix unit, where there is one.
template <class F>
void on_matrix_unit(const F& f) {
  if (!is_tested("cpu") || !cpu::has_simd_target("amx")) return;
  const std::string before = cpu::simd_target_name();
  cpu::use_simd_target("amx");
  f(cpu_backend());
  cpu::use_simd_target(before);
}

template <class Slot>
const auto& direct(const Slot& slot) {
  const auto& all = slot.all();
  return *std::find_if(all.begin(), all.end(),
                       [](const auto& v) { return v.name == std::string_view("implicit_gemm"); });
}

double relative_l2(const Values& found, const Values& expected) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    error += (found[i] - expected[i]) * (found[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(error / size);
}

}  // namespace

// A piece that is forgotten shows at once: low times high is 2^-16 of the product.
TEST_CASE("conv2d on the matrix unit rounds as little as f32") {
  constexpr double kBound = 3e-7;  // 5 roundings of f32; AVX-512 has up to 2.2e-7
  for (const Conv2dProblem& p :
       {Conv2dProblem(ConvCase(2, 14, 14, 256, 96)), Conv2dProblem(ConvCase(1, 20, 20, 1056, 64)),
        Conv2dProblem(ConvCase(2, 12, 12, 64, 64).kernel(3, 3).pad(1, 1)),
        Conv2dProblem(ConvCase(2, 33, 31, 24, 40).kernel(3, 3).stride(2, 2))}) {
    CAPTURE(p);
    const Conv2dInputs in = random_inputs(p, false);
    const Harness exact(reference(), with_dtype(p, DType::f64), in);
    const auto& ref = reference().conv2d;
    on_matrix_unit([&](const Backend& backend) {
      const Harness harness(backend, p, in);
      const auto& cpu = backend.conv2d;
      const Values y = exact.forward(ref.forward.all()[0]).y;
      const Values dx = exact.backward_data(ref.backward_data.all()[0]);
      const Values dw = exact.backward_weight(ref.backward_weight.all()[0]);
      CHECK(relative_l2(harness.forward(direct(cpu.forward)).y, y) < kBound);
      CHECK(relative_l2(harness.backward_data(direct(cpu.backward_data)), dx) < kBound);
      CHECK(relative_l2(harness.backward_weight(direct(cpu.backward_weight)), dw) < kBound);
    });
  }
}

TEST_CASE("conv2d on the matrix unit: one pixel that is not finite is seen in its place alone") {
  const Conv2dProblem p = ConvCase(1, 7, 11, 64, 48);
  constexpr std::int64_t kPixel = 40;
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CAPTURE(value);
    Conv2dInputs in = random_inputs(p, false);
    in.x[kPixel * p.c_in + 37] = value;
    on_matrix_unit([&](const Backend& backend) {
      const Values y = Harness(backend, p, in).forward(direct(backend.conv2d.forward)).y;
      std::int64_t wrong = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        const bool is_there = static_cast<std::int64_t>(i) / p.c_out == kPixel;
        wrong += std::isfinite(y[i]) == is_there;
      }
      CHECK(wrong == 0);
    });
  }
}

}  // namespace tl::test
