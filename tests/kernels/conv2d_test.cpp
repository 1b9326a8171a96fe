// conv2d: every variant of every backend against the f64 loops of `ref`, in all three passes.
//
// conv2d_cases.h has the shapes, conv2d_harness.h says how one variant is run; then the tests here.
#include "kernels/conv2d.h"

#include <doctest/doctest.h>

#include <string_view>
#include <utility>

#include "kernels/parallel_for.h"
#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/conv2d_harness.h"
#include "tests/support/backends.h"
#include "tests/support/compare.h"

namespace tl::test {
namespace {

/// Winograd variants: the transforms of F(4x4, 3x3) with the points 0, 1, -1, 1/2, -2, infinity
/// amplify rounding; measured up to 1.5e-6, at 256 and 512 channels (kernels/cpu/README.md).
constexpr double kWinogradBound = 1.6e-6;

bool is_winograd(std::string_view variant) { return variant.substr(0, 8) == "winograd"; }

double bound_of(const char* variant, double terms) {
  return is_winograd(variant) ? std::max(kWinogradBound, f32_sum_bound(terms) / 4)
                              : f32_sum_bound(terms);
}

double forward_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.kh * p.kw * (p.c_in / p.groups));
}
double backward_data_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.kh * p.kw * (p.c_out / p.groups));
}
double backward_weight_terms(const Conv2dProblem& p) {
  return static_cast<double>(p.n * p.out_h() * p.out_w());
}

/// Compares every variant of `slot` that supports p with the reference's result.
template <class Slot, class Run, class Check>
void for_each_variant(const Slot& slot, const Conv2dProblem& p, const Run& run,
                      const Check& check_result) {
  for (const auto& variant : slot.all()) {
    if (!variant.supports(p)) continue;
    INFO("variant ", variant.name);
    check_result(variant.name, run(variant));
  }
}

void check_forward(const Conv2dProblem& p, bool integers) {
  CAPTURE(p);
  const Inputs in = random_inputs(p, integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64), tested = with_dtype(p, DType::f32);
  const ForwardResult expected =
      Harness(reference(), exact, in).forward(reference().conv2d.forward.choose(exact));
  for_each_backend([&](const Backend& backend) {
    const Harness harness(backend, tested, in);
    for_each_variant(
        backend.conv2d.forward, tested, [&](const auto& v) { return harness.forward(v); },
        [&](const char* variant, const ForwardResult& found) {
          if (integers && !is_winograd(variant)) {
            CHECK(found == expected);
            return;
          }
          const double terms = forward_terms(p) + p.bias + p.residual + 2 * p.prologue;
          check_close(found.y, expected.y, bound_of(variant, terms), "y");
          if (!p.sums) return;
          const double rows = backward_weight_terms(p);
          check_close(found.channel_sum, expected.channel_sum, f32_sum_bound(terms + rows) * 8,
                      "channel_sum");
          check_close(found.channel_sum_sq, expected.channel_sum_sq, f32_sum_bound(terms + rows),
                      "channel_sum_sq");
        });
  });
}

void check_backward_data(const Conv2dProblem& p, bool integers) {
  CAPTURE(p);
  const Inputs in = random_inputs(p, integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64), tested = with_dtype(p, DType::f32);
  const Values expected =
      Harness(reference(), exact, in).backward_data(reference().conv2d.backward_data.choose(exact));
  for_each_backend([&](const Backend& backend) {
    const Harness harness(backend, tested, in);
    for_each_variant(
        backend.conv2d.backward_data, tested,
        [&](const auto& v) { return harness.backward_data(v); },
        [&](const char* variant, const Values& found) {
          if (integers && !is_winograd(variant)) {
            CHECK(found == expected);
          } else {
            check_close(found, expected, bound_of(variant, backward_data_terms(p) + 1), "dx");
          }
        });
  });
}

void check_backward_weight(const Conv2dProblem& p, bool integers) {
  CAPTURE(p);
  const Inputs in = random_inputs(p, integers);
  const Conv2dProblem exact = with_dtype(p, DType::f64), tested = with_dtype(p, DType::f32);
  const Values expected = Harness(reference(), exact, in)
                              .backward_weight(reference().conv2d.backward_weight.choose(exact));
  for_each_backend([&](const Backend& backend) {
    const Harness harness(backend, tested, in);
    for_each_variant(
        backend.conv2d.backward_weight, tested,
        [&](const auto& v) { return harness.backward_weight(v); },
        [&](const char* variant, const Values& found) {
          if (integers && !is_winograd(variant)) {
            CHECK(found == expected);
          } else if (p.n == 0) {
            CHECK(norm(found) == 0);
          } else {
            const double terms = backward_weight_terms(p) + 2 * p.prologue;
            check_close(found, expected, bound_of(variant, terms), "dw");
          }
        });
  });
}

}  // namespace

TEST_CASE("conv2d forward") {
  for (const Conv2dProblem& p : conv2d_cases()) {
    check_forward(p, false);
    check_forward(p, true);
  }
}

TEST_CASE("conv2d forward: every prologue and epilogue") {
  for (int bits = 0; bits < 64; ++bits) {
    Conv2dProblem p{.n = 2, .h = 6, .w = 5, .c_in = 16, .c_out = 32, .kh = 3, .kw = 3};
    p.pad_h = p.pad_w = 1;
    p.bias = bits & 1;
    p.residual = bits & 2;
    p.relu = bits & 4;
    p.sums = bits & 8;
    p.prologue = bits & 16;
    p.prologue_relu = p.prologue && (bits & 32);
    check_forward(p, false);
    check_forward(p, true);
    p.c_in = 5;
    p.c_out = 37;
    check_forward(p, true);
  }
}

TEST_CASE("conv2d backward_data") {
  for (Conv2dProblem p : conv2d_cases()) {
    check_backward_data(p, false);
    check_backward_data(p, true);
    p.accumulate = true;
    check_backward_data(p, true);
  }
}

TEST_CASE("conv2d backward_weight") {
  for (Conv2dProblem p : conv2d_cases()) {
    check_backward_weight(p, false);
    check_backward_weight(p, true);
    p.prologue = p.prologue_relu = true;
    check_backward_weight(p, true);
  }
}

TEST_CASE("conv2d: same bits for every thread count") {
  const int threads = thread_count();
  for (const Conv2dProblem& p : conv2d_cases()) {
    CAPTURE(p);
    const Inputs in = random_inputs(p, false);
    for (const Backend& backend : tested_backends()) {
      if (std::string_view(backend.name) == "ref") continue;
      INFO("backend ", backend.name);
      const Harness harness(backend, p, in);
      const auto same_for_every_count = [&](const auto& slot, const auto& run) {
        for (const auto& variant : slot.all()) {
          if (!variant.supports(p)) continue;
          INFO("variant ", variant.name);
          set_thread_count(1);
          const auto expected = run(variant);
          for (int count : {2, 3}) {
            set_thread_count(count);
            CHECK(run(variant) == expected);
          }
        }
      };
      same_for_every_count(backend.conv2d.forward,
                           [&](const auto& v) { return harness.forward(v); });
      same_for_every_count(backend.conv2d.backward_data,
                           [&](const auto& v) { return harness.backward_data(v); });
      same_for_every_count(backend.conv2d.backward_weight,
                           [&](const auto& v) { return harness.backward_weight(v); });
    }
  }
  set_thread_count(threads);
}

TEST_CASE("conv2d forward on cpu: a picture's result does not depend on its batch") {
  const Backend backend = cpu_backend();
  for (const Conv2dProblem& p : conv2d_cases()) {
    if (p.n < 2) continue;
    CAPTURE(p);
    const Inputs in = random_inputs(p, false);
    Conv2dProblem single = p;
    single.n = 1;
    for (const auto& variant : backend.conv2d.forward.all()) {
      if (!variant.supports(p)) continue;
      INFO("variant ", variant.name);
      const Values all = Harness(backend, p, in).forward(variant).y;
      Inputs last = in;
      last.x.assign(in.x.end() - single.x_size(), in.x.end());
      last.residual.assign(in.residual.end() - single.y_size(), in.residual.end());
      const Values expected(all.end() - single.y_size(), all.end());
      CHECK(Harness(backend, single, last).forward(variant).y == expected);
    }
  }
}

TEST_CASE("conv2d forward: the residual may be y itself") {
  Conv2dProblem p{.n = 1, .h = 6, .w = 5, .c_in = 320, .c_out = 48, .kh = 3, .kw = 3};
  p.pad_h = p.pad_w = 1;
  p.residual = p.relu = true;
  const Inputs in = random_inputs(p, false);
  for (const Backend& backend : tested_backends()) {
    const Harness harness(backend, p, in);
    for (const auto& variant : backend.conv2d.forward.all()) {
      if (!variant.supports(p)) continue;
      INFO("backend ", backend.name, ", variant ", variant.name);
      CHECK(harness.forward_in_place(variant) == harness.forward(variant).y);
    }
  }
}

// Large enough for several blocks of everything; too large for the loops of ref, so the variants
// are compared with each other.
TEST_CASE("conv2d on cpu: variants agree on large problems") {
  const Backend backend = cpu_backend();
  for (Conv2dProblem p : {Conv2dProblem{.n = 3, .h = 56, .w = 55, .c_in = 64, .c_out = 80},
                          Conv2dProblem{.n = 1, .h = 60, .w = 61, .c_in = 1008, .c_out = 16}}) {
    p.kh = p.kw = 3;
    p.pad_h = p.pad_w = 1;
    CAPTURE(p);
    const Inputs in = random_inputs(p, false);
    const Harness harness(backend, p, in);
    const auto all_agree = [&](const auto& slot, double terms, const auto& run) {
      const Values first = run(slot.all().front());
      for (const auto& variant : slot.all()) {
        INFO("variant ", variant.name);
        check_close(run(variant), first, bound_of(variant.name, terms), slot.name());
      }
    };
    all_agree(backend.conv2d.forward, forward_terms(p),
              [&](const auto& v) { return harness.forward(v).y; });
    all_agree(backend.conv2d.backward_data, backward_data_terms(p),
              [&](const auto& v) { return harness.backward_data(v); });
    all_agree(backend.conv2d.backward_weight, backward_weight_terms(p),
              [&](const auto& v) { return harness.backward_weight(v); });
  }
}

TEST_CASE("conv2d: a sum over no channels is 0") {
  Conv2dProblem p{.n = 1, .h = 4, .w = 5, .c_in = 0, .c_out = 16, .kh = 3, .kw = 3};
  p.pad_h = p.pad_w = 1;
  p.bias = true;
  Conv2dProblem to_nothing = p;
  std::swap(to_nothing.c_in, to_nothing.c_out);
  const Inputs in = random_inputs(p, true), in_to_nothing = random_inputs(to_nothing, true);
  Values biases;
  for (int pixel = 0; pixel < 4 * 5; ++pixel) {
    biases.insert(biases.end(), in.bias.begin(), in.bias.end());
  }
  for_each_backend([&](const Backend& backend) {
    const Harness from(backend, p, in), to(backend, to_nothing, in_to_nothing);
    for_each_variant(
        backend.conv2d.forward, p, [&](const auto& v) { return from.forward(v).y; },
        [&](const char*, const Values& y) { CHECK(y == biases); });
    for_each_variant(
        backend.conv2d.backward_data, to_nothing,
        [&](const auto& v) { return to.backward_data(v); },
        [&](const char*, const Values& dx) { CHECK(dx == Values(4 * 5 * 16, 0)); });
    for_each_variant(
        backend.conv2d.backward_weight, p, [&](const auto& v) { return from.backward_weight(v); },
        [&](const char*, const Values& dw) { CHECK(dw.empty()); });
  });
}

#ifdef TL_WITH_SIMT
TEST_CASE("conv2d: the CUDA kernels refuse numbers over 31 bits") {
  const Backend backend = simt_backend();
  const auto refused = [&](std::int64_t Conv2dProblem::*number) {
    Conv2dProblem p{.n = 1, .h = 4, .w = 4};
    p.*number = std::int64_t{1} << 32;
    CHECK_THROWS_AS(backend.conv2d.forward.choose(p), Error);
    CHECK_THROWS_AS(backend.conv2d.backward_data.choose(p), Error);
    CHECK_THROWS_AS(backend.conv2d.backward_weight.choose(p), Error);
  };
  for (auto number : {&Conv2dProblem::stride_h, &Conv2dProblem::stride_w, &Conv2dProblem::pad_h,
                      &Conv2dProblem::pad_w, &Conv2dProblem::dilation_h, &Conv2dProblem::dilation_w,
                      &Conv2dProblem::c_in}) {
    refused(number);
  }
}
#endif

TEST_CASE("conv2d: cpu refuses what it does not compute") {
  const Backend backend = cpu_backend();
  const Conv2dProblem p = with_dtype({.n = 1, .h = 4, .w = 4}, DType::f64);
  CHECK_THROWS_AS(backend.conv2d.forward.choose(p), Error);
  CHECK_THROWS_AS(backend.conv2d.backward_data.choose(p), Error);
  CHECK_THROWS_AS(backend.conv2d.backward_weight.choose(p), Error);
}

}  // namespace tl::test
