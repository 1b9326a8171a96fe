// conv2d: every variant of every backend against the f64 loops of `ref`, in all three passes.
//
// conv2d_cases.h has the shapes, conv2d_harness.h says how one variant is run, conv2d_checks.h how
// it is compared; then the tests here, and conv2d_tiles_test.cpp for the CUDA kernels.
#include "kernels/conv2d.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "kernels/parallel_for.h"
#include "tests/kernels/conv2d_cases.h"
#include "tests/kernels/conv2d_checks.h"

namespace tl::test {
namespace {

/// ref and cpu; the CUDA kernels have cases of their own.
template <class F>
void for_each_host_backend(const F& f) {
  for_each_backend([&](const Backend& backend) {
    if (std::string_view(backend.name) == "ref" || std::string_view(backend.name) == "cpu")
      f(backend);
  });
}

}  // namespace

TEST_CASE("conv2d forward") {
  for_each_host_backend([](const Backend& backend) {
    for (const Conv2dProblem& p : conv2d_cases()) {
      check_forward(backend, p, {.integers = false});
      check_forward(backend, p, {.integers = true});
    }
  });
}

TEST_CASE("conv2d forward: every prologue and epilogue") {
  for_each_host_backend([](const Backend& backend) {
    for (Conv2dProblem p : conv2d_epilogue_cases()) {
      check_forward(backend, p, {.integers = false});
      check_forward(backend, p, {.integers = true});
      p.c_in = 5;
      p.c_out = 37;
      check_forward(backend, p, {.integers = true});
    }
  });
}

TEST_CASE("conv2d backward_data") {
  for_each_host_backend([](const Backend& backend) {
    for (Conv2dProblem p : conv2d_cases()) {
      check_backward_data(backend, p, {.integers = false});
      check_backward_data(backend, p, {.integers = true});
      p.accumulate = true;
      check_backward_data(backend, p, {.integers = true});
    }
  });
}

TEST_CASE("conv2d backward_weight") {
  for_each_host_backend([](const Backend& backend) {
    for (Conv2dProblem p : conv2d_cases()) {
      check_backward_weight(backend, p, {.integers = false});
      check_backward_weight(backend, p, {.integers = true});
      p.prologue = p.prologue_relu = true;
      check_backward_weight(backend, p, {.integers = true});
    }
  });
}

TEST_CASE("conv2d on ref in bf16") {
  const Backend backend = ref_backend();
  for (Conv2dProblem p : conv2d_tile_cases()) {
    p = with_dtype(p, DType::bf16);
    for (bool integers : {false, true}) {
      check_forward(backend, p, {.integers = integers});
      check_backward_data(backend, p, {.integers = integers});
      Conv2dProblem f32_gradient = p;
      f32_gradient.w_dtype = DType::f32;
      check_backward_weight(backend, p, {.integers = integers});
      check_backward_weight(backend, f32_gradient, {.integers = integers});
    }
  }
}

TEST_CASE("conv2d: same bits for every thread count") {
  const int threads = thread_count();
  for (const Conv2dProblem& p : conv2d_cases()) {
    CAPTURE(p);
    const Conv2dInputs in = random_inputs(p, false);
    for (const Backend& backend : tested_backends()) {
      if (std::string_view(backend.name) != "cpu") continue;
      const Harness harness(backend, p, in);
      const auto same_for_every_count = [&](const auto& slot, const auto& run) {
        for (const auto& variant : slot.all()) {
          if (!variant.supports(p)) continue;
          INFO("variant ", variant.name);
          set_thread_count(1);
          const auto expected = run(variant);
          for (int count : {2, 3, 7}) {
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
    const Conv2dInputs in = random_inputs(p, false);
    Conv2dProblem single = p;
    single.n = 1;
    for (const auto& variant : backend.conv2d.forward.all()) {
      if (!variant.supports(p)) continue;
      INFO("variant ", variant.name);
      const Values all = Harness(backend, p, in).forward(variant).y;
      Conv2dInputs last = in;
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
  const Conv2dInputs in = random_inputs(p, false);
  for (const Backend& backend : tested_backends()) {
    const Harness harness(backend, p, in);
    for (const auto& variant : backend.conv2d.forward.all()) {
      if (!variant.supports(p)) continue;
      INFO("backend ", backend.name, ", variant ", variant.name);
      CHECK(harness.forward_in_place(variant) == harness.forward(variant).y);
    }
  }
}

TEST_CASE("conv2d forward with relu: a NaN is not cut off") {
  const Conv2dProblem wide{.n = 1, .h = 9, .w = 8, .c_in = 16, .c_out = 48, .kh = 3, .kw = 3};
  Conv2dProblem strided = wide, stem = wide, depthwise = wide;
  strided.stride_h = strided.stride_w = 2;
  stem.kh = stem.kw = 7;
  stem.stride_h = stem.stride_w = 2;
  stem.c_in = 3;
  depthwise.c_in = depthwise.groups = depthwise.c_out;
  constexpr std::int64_t kChannel = 5;
  for (Conv2dProblem p : {wide, strided, stem, depthwise}) {
    p.bias = p.relu = true;
    CAPTURE(p);
    Conv2dInputs in = random_inputs(p, false);
    in.bias[kChannel] = std::numeric_limits<double>::quiet_NaN();
    for_each_backend([&](const Backend& backend) {
      for (const auto& variant : backend.conv2d.forward.all()) {
        if (!variant.supports(p)) continue;
        INFO("backend ", backend.name, ", variant ", variant.name);
        const Values y = Harness(backend, p, in).forward(variant).y;
        std::int64_t wrong = 0;
        for (std::size_t i = 0; i < y.size(); ++i) {
          const bool is_nan = static_cast<std::int64_t>(i) % p.c_out == kChannel;
          wrong += is_nan ? !std::isnan(y[i]) : !(y[i] >= 0);
        }
        CHECK(wrong == 0);
      }
    });
  }
}

// Large enough for several blocks of everything; too large for the loops of ref, so the variants
// are compared with each other.
TEST_CASE("conv2d on cpu: variants agree on large problems") {
  const Backend backend = cpu_backend();
  Conv2dProblem strided{.n = 1, .h = 81, .w = 82, .c_in = 1008, .c_out = 16};
  strided.stride_h = strided.stride_w = 2;
  for (Conv2dProblem p :
       {Conv2dProblem{.n = 3, .h = 56, .w = 55, .c_in = 64, .c_out = 80},
        Conv2dProblem{.n = 1, .h = 60, .w = 61, .c_in = 1008, .c_out = 16}, strided}) {
    p.kh = p.kw = 3;
    p.pad_h = p.pad_w = 1;
    CAPTURE(p);
    const Conv2dInputs in = random_inputs(p, false);
    const Harness harness(backend, p, in);
    const auto all_agree = [&](const auto& slot, double terms, const auto& run) {
      const Values first = run(slot.all().front());
      for (const auto& variant : slot.all()) {
        if (!variant.supports(p)) continue;
        INFO("variant ", variant.name);
        check_close(run(variant), first, bound_of(variant.name, p, terms), slot.name());
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
  const Conv2dInputs in = random_inputs(p, true), in_to_nothing = random_inputs(to_nothing, true);
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

TEST_CASE("conv2d: cpu refuses what it does not compute") {
  const Backend backend = cpu_backend();
  const Conv2dProblem p = with_dtype({.n = 1, .h = 4, .w = 4}, DType::f64);
  CHECK_THROWS_AS(backend.conv2d.forward.choose(p), Error);
  CHECK_THROWS_AS(backend.conv2d.backward_data.choose(p), Error);
  CHECK_THROWS_AS(backend.conv2d.backward_weight.choose(p), Error);
}

}  // namespace tl::test
