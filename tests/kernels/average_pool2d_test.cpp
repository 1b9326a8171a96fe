// average_pool2d: windows by hand, then every backend against the f64 loops of `ref`, sliding and
// adaptive windows, on `cpu` for every instruction set and with the same bits for every thread
// count.
#include "kernels/average_pool2d.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/run_variant.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// Calls f(backend), for `cpu` on every instruction set, where there is a kernel.
template <class F>
void for_each_pooling_backend(const F& f) {
  for_each_backend([&](const Backend& backend) {
    if (!backend.average_pool2d.forward.all().empty()) f(backend);
  });
}

// Buffers begin one element into their blocks: aligned to that element only.

template <class V>
Values run_average_pool(const Backend& b, const V& variant, const AveragePool2dProblem& p,
                        const Values& x) {
  const DeviceBuffer in(b, p.dtype, x, 1), y(b, p.dtype, p.y_size(), 1);
  AveragePool2dForwardArgs args;
  args.x = in;
  args.y = y;
  run_variant(b, variant, p, args);
  return y.read();
}

template <class V>
Values run_average_pool_backward(const Backend& b, const V& variant, const AveragePool2dProblem& p,
                                 const Values& dy) {
  const DeviceBuffer in(b, p.dtype, dy, 1), dx(b, p.dtype, p.x_size(), 1);
  AveragePool2dBackwardArgs args;
  args.dy = in;
  args.dx = dx;
  run_variant(b, variant, p, args);
  return dx.read();
}

// By the variant that is chosen.

Values run_average_pool(const Backend& b, DType dtype, AveragePool2dProblem p, const Values& x) {
  p.dtype = dtype;
  return run_average_pool(b, b.average_pool2d.forward.choose(p), p, x);
}

Values run_average_pool_backward(const Backend& b, DType dtype, AveragePool2dProblem p,
                                 const Values& dy) {
  p.dtype = dtype;
  return run_average_pool_backward(b, b.average_pool2d.backward.choose(p), p, dy);
}

/// Compares every variant that supports the problem in `dtype`.
void check_variants(const Backend& b, DType dtype, AveragePool2dProblem p, const Values& x,
                    const Values& y, double y_bound, const Values& dy, const Values& dx,
                    double dx_bound) {
  p.dtype = dtype;
  for (const auto& variant : b.average_pool2d.forward.all()) {
    if (!variant.supports(p)) continue;
    CAPTURE(std::string(variant.name));
    check_close(run_average_pool(b, variant, p, x), y, y_bound, "y");
  }
  for (const auto& variant : b.average_pool2d.backward.all()) {
    if (!variant.supports(p)) continue;
    CAPTURE(std::string(variant.name));
    check_close(run_average_pool_backward(b, variant, p, dy), dx, dx_bound, "dx");
  }
}

AverageAxis random_sliding(Random& random) {
  while (true) {
    const std::int64_t kernel = random.integer(1, 5), pad = random.integer(0, kernel / 2);
    const AverageAxis axis =
        AverageAxis::sliding(random.integer(1, 15), kernel, random.integer(1, 4), pad,
                             random.integer(0, 1) == 1, random.integer(0, 1) == 1);
    if (axis.outputs >= 1) return axis;
  }
}

AverageAxis random_adaptive(Random& random) {
  return AverageAxis::adaptive(random.integer(1, 15), random.integer(1, 17));
}

std::vector<AveragePool2dProblem> average_pool2d_problems() {
  Random random(21);
  std::vector<AveragePool2dProblem> list;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t n = random.integer(1, 3), c = random.integer(1, 37);
    const bool adaptive = i % 2 == 0;
    const AverageAxis rows = adaptive ? random_adaptive(random) : random_sliding(random);
    const AverageAxis columns = adaptive ? random_adaptive(random) : random_sliding(random);
    list.push_back({.n = n, .c = c, .rows = rows, .columns = columns});
  }
  const AverageAxis whole = AverageAxis::adaptive(7, 1);
  const AverageAxis halves = AverageAxis::sliding(8, 2, 2, 0, false, true);
  list.push_back({.n = 3, .c = 512, .rows = whole, .columns = whole});
  list.push_back({.n = 1, .c = 1, .rows = whole, .columns = halves});
  list.push_back({.n = 0, .c = 5, .rows = halves, .columns = halves});
  list.push_back({.n = 2, .c = 0, .rows = halves, .columns = halves});
  return list;
}

TEST_CASE("average_pool2d: windows by hand") {
  const auto same = [](const AverageWindow& found, const AverageWindow& expected) {
    return found.begin == expected.begin && found.end == expected.end &&
           found.count == expected.count;
  };
  // 5 elements between 2 zeros on either side, windows of 4 every 3: they start at -2, 1, 4.
  const AverageAxis with_zeros = AverageAxis::sliding(5, 4, 3, 2, true, true);
  REQUIRE(with_zeros.outputs == 3);
  CHECK(same(with_zeros.window(0), {0, 2, 4}));
  CHECK(same(with_zeros.window(1), {1, 5, 4}));
  CHECK(same(with_zeros.window(2), {4, 5, 3}));  // one element and two zeros; then nothing
  const AverageAxis without = AverageAxis::sliding(5, 4, 3, 2, true, false);
  CHECK(same(without.window(0), {0, 2, 2}));
  CHECK(same(without.window(2), {4, 5, 1}));
  // 5 elements in 3 windows: [0, 5/3), [5/3, 10/3), [10/3, 5) widened to whole elements.
  const AverageAxis thirds = AverageAxis::adaptive(5, 3);
  CHECK(same(thirds.window(0), {0, 2, 2}));
  CHECK(same(thirds.window(1), {1, 4, 3}));
  CHECK(same(thirds.window(2), {3, 5, 2}));
  // More windows than elements: some see the same one.
  const AverageAxis many = AverageAxis::adaptive(2, 3);
  CHECK(same(many.window(0), {0, 1, 1}));
  CHECK(same(many.window(1), {0, 2, 2}));
  CHECK(same(many.window(2), {1, 2, 1}));
}

TEST_CASE("average_pool2d: first_over and end_over say which windows hold an element") {
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const AverageAxis axis = i % 2 == 0 ? random_sliding(random) : random_adaptive(random);
    CAPTURE(axis.size);
    CAPTURE(axis.outputs);
    CAPTURE(axis.kernel);
    CAPTURE(axis.stride);
    CAPTURE(axis.pad);
    for (std::int64_t element = 0; element < axis.size; ++element) {
      for (std::int64_t o = 0; o < axis.outputs; ++o) {
        const AverageWindow window = axis.window(o);
        const bool holds = window.begin <= element && element < window.end;
        CHECK(holds == (axis.first_over(element) <= o && o < axis.end_over(element)));
      }
    }
  }
}

TEST_CASE("average_pool2d by hand") {
  // Rows in pairs; columns 2 wide every 1 with zeros beside them.
  for (const bool include : {false, true}) {
    const AveragePool2dProblem p{.rows = AverageAxis::sliding(2, 2, 2, 0, false, include),
                                 .columns = AverageAxis::sliding(2, 2, 1, 1, false, include)};
    for_each_pooling_backend([&](const Backend& b) {
      const double edge = include ? 2 : 1;
      CHECK(run_average_pool(b, DType::f32, p, {1, 3, 5, 7}) == Values{3 / edge, 4, 5 / edge});
      CHECK(run_average_pool_backward(b, DType::f32, p, {8, 16, 24}) ==
            Values{4 / edge + 4, 4 + 12 / edge, 4 / edge + 4, 4 + 12 / edge});
    });
  }
}

TEST_CASE("average_pool2d") {
  for (const AveragePool2dProblem& p : average_pool2d_problems()) {
    INFO("n ", p.n, ", c ", p.c, ", rows ", p.rows.size, " ", p.rows.outputs, " ", p.rows.kernel,
         " ", p.rows.stride, " ", p.rows.pad, ", columns ", p.columns.size, " ", p.columns.outputs,
         " ", p.columns.kernel, " ", p.columns.stride, " ", p.columns.pad);
    Random random(static_cast<std::uint64_t>(p.x_size()));
    const Values x = random.uniform_vector(p.x_size()), dy = random.uniform_vector(p.y_size());
    const Values y = run_average_pool(reference(), DType::f64, p, x);
    const Values dx = run_average_pool_backward(reference(), DType::f64, p, dy);
    // The longest chains: a window's height and width; the windows over an element.
    double window = 1, windows = 1;
    for (const AverageAxis* axis : {&p.rows, &p.columns}) {
      std::int64_t longest = 1, most = 1;
      for (std::int64_t o = 0; o < axis->outputs; ++o) {
        longest = std::max(longest, axis->window(o).end - axis->window(o).begin);
      }
      for (std::int64_t i = 0; i < axis->size; ++i) {
        most = std::max(most, axis->end_over(i) - axis->first_over(i));
      }
      window += static_cast<double>(longest);
      windows *= static_cast<double>(most);
    }
    for_each_pooling_backend([&](const Backend& b) {
      check_variants(b, DType::f32, p, x, y, f32_sum_bound(window), dy, dx,
                     f32_sum_bound(windows + 1));
    });
    const Values x16 = rounded_to_bf16(x), dy16 = rounded_to_bf16(dy);
    const Values y16 = run_average_pool(reference(), DType::f64, p, x16);
    const Values dx16 = run_average_pool_backward(reference(), DType::f64, p, dy16);
    for_each_pooling_backend([&](const Backend& b) {
      if (!computes_bf16(b)) return;
      check_variants(b, DType::bf16, p, x16, y16, kBf16Rounding, dy16, dx16, kBf16Rounding);
    });
  }
}

TEST_CASE("average_pool2d: a window of everything is the global mean") {
  const AveragePool2dProblem p{
      .n = 2, .c = 19, .rows = AverageAxis::adaptive(6, 1), .columns = AverageAxis::adaptive(9, 1)};
  const GlobalAveragePoolProblem global{.n = 2, .h = 6, .w = 9, .c = 19};
  const Values x = Random(2).uniform_vector(p.x_size());
  for_each_pooling_backend([&](const Backend& b) {
    const DeviceBuffer in(b, DType::f32, x), y(b, DType::f32, p.y_size());
    b.global_average_pool.forward({}, global, in, y);
    // Each kernel has an order of its own; no chain is longer than a row and a column.
    check_close(run_average_pool(b, DType::f32, p, x), y.read(), f32_sum_bound(6 + 9), "y");
  });
}

TEST_CASE("average_pool2d: wrong dtypes; same bits for every thread count") {
  for (const Backend& b : tested_backends()) {
    const auto& pool = b.average_pool2d;
    if (pool.forward.all().empty()) continue;
    const DeviceBuffer i32(b, DType::i32, 1);
    const AveragePool2dProblem integers{.rows = {}, .columns = {}, .dtype = DType::i32};
    CHECK_THROWS_AS(pool.forward.choose(integers), Error);
    CHECK_THROWS_AS(pool.backward.choose(integers), Error);
    CHECK_THROWS_AS(pool.forward.choose({}).run({}, {}, {i32, i32, {}}), Error);
    CHECK_THROWS_AS(pool.backward.choose({}).run({}, {}, {i32, i32, {}}), Error);
  }
  const Backend b = cpu_backend();
  const AveragePool2dProblem p{.n = 3,
                               .c = 33,
                               .rows = AverageAxis::sliding(41, 3, 2, 1, true, true),
                               .columns = AverageAxis::adaptive(40, 11)};
  const Values x = Random(1).uniform_vector(p.x_size()), dy = Random(2).uniform_vector(p.y_size());
  check_same_for_all_thread_counts([&] {
    return std::pair(run_average_pool(b, DType::f32, p, x),
                     run_average_pool_backward(b, DType::f32, p, dy));
  });
}

}  // namespace
}  // namespace tl::test
