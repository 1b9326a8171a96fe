// cross_entropy: by hand, exactly, and against its formula, for labels and probabilities, with and
// without weights, smoothing and ignored rows.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// One call: what the targets are, and log_p.
struct EntropyCase {
  CrossEntropyProblem p;
  Values log_p;
  Values labels, probabilities;  // one of them is empty
  Values weights = {};           // empty: none
};

struct Result {
  double loss, total;
  Values gradient;
  bool operator==(const Result&) const = default;
};

/// Forward, then backward from dloss. Buffers are aligned to their element only, or with `offset` 0
/// to anything.
Result run_cross_entropy(const Backend& b, DType dtype, const EntropyCase& c, double dloss,
                         std::int64_t offset = 1) {
  const DType wide = parameter_dtype(dtype);
  const DeviceBuffer log_p(b, dtype, c.log_p, offset), labels(b, DType::i32, c.labels, 1),
      probabilities(b, dtype, c.probabilities, offset), weights(b, wide, c.weights, 1),
      loss(b, wide, 1, 1), total(b, wide, 1, 1), scale(b, wide, Values{dloss}, 1),
      gradient(b, dtype, c.p.rows * c.p.columns, offset);
  CrossEntropyTargets targets{.labels = {}, .probabilities = {}, .weights = {}};
  (c.labels.empty() ? targets.probabilities : targets.labels) =
      c.labels.empty() ? probabilities : labels;
  if (!c.weights.empty()) targets.weights = weights;
  b.cross_entropy.forward({}, c.p, targets, log_p, loss, total);
  b.cross_entropy.backward({}, c.p, targets, total, scale, gradient);
  return {loss.read()[0], total.read()[0], gradient.read()};
}

template <class F>
void for_each_entropy_backend(const F& f) {
  for (const Backend& b : tested_backends()) {
    if (!b.cross_entropy.forward) continue;
    CAPTURE(std::string(b.name));
    f(b);
  }
}

const Values kLogP = {-1, -2, -3, -4, -5, -6, -7, -8, -10, -11, -12, -9};

TEST_CASE("cross_entropy by hand: labels") {
  for_each_entropy_backend([](const Backend& b) {
    // -(-1 - 6 - 8 - 9) / 4
    const Result all = run_cross_entropy(b, DType::f32, {{4, 3}, kLogP, {0, 2, 1, 2}, {}}, 3);
    CHECK(all.loss == 6);
    CHECK(all.total == 4);
    CHECK(all.gradient == Values{-0.75, 0, 0, 0, 0, -0.75, 0, -0.75, 0, 0, 0, -0.75});
  });
}

TEST_CASE("cross_entropy by hand: class weights and an ignored row") {
  CrossEntropyProblem p{.rows = 4, .columns = 3};
  p.ignore_index = 1;  // a class that counts elsewhere may be the one to ignore
  for_each_entropy_backend([&](const Backend& b) {
    // Weights of the labels 2, 5, -, 5: (2 * 1 + 5 * 6 + 5 * 9) / 12
    const Result r = run_cross_entropy(b, DType::f32, {p, kLogP, {0, 2, 1, 2}, {}, {2, 7, 5}}, 12);
    CHECK(r.loss == static_cast<double>(77.0f / 12));
    CHECK(r.total == 12);
    CHECK(r.gradient == Values{-2, 0, 0, 0, 0, -5, 0, 0, 0, 0, 0, -5});
  });
}

TEST_CASE("cross_entropy by hand: smoothing goes to all classes, with their own weights") {
  CrossEntropyProblem p{.rows = 2, .columns = 4, .label_smoothing = 0.5};
  const Values log_p = {-1, -2, -4, -8, -3, -5, -7, -9};
  for_each_entropy_backend([&](const Backend& b) {
    // Row 0, label 2: k = w * (1/8, 1/8, 5/8, 1/8), weights 8, 16, 4, 2; total 4.
    // loss = (1 * 1 + 2 * 2 + 2.5 * 4 + 0.25 * 8) / 4
    p.ignore_index = 3;
    const Result r = run_cross_entropy(b, DType::f32, {p, log_p, {2, 3}, {}, {8, 16, 4, 2}}, 4);
    CHECK(r.loss == 17.0 / 4);
    CHECK(r.total == 4);
    CHECK(r.gradient == Values{-1, -2, -2.5, -0.25, 0, 0, 0, 0});
  });
}

TEST_CASE("cross_entropy by hand: probabilities, averaged over the rows whatever the weights") {
  const CrossEntropyProblem p{.rows = 2, .columns = 2, .label_smoothing = 0.5};
  for_each_entropy_backend([&](const Backend& b) {
    // k = w * (q / 2 + 1 / 4) = (4 * 0.625, 8 * 0.375), (4 * 0.25, 8 * 0.75)
    const Result r =
        run_cross_entropy(b, DType::f32, {p, {-2, -4, -3, -1}, {}, {0.75, 0.25, 0, 1}, {4, 8}}, 2);
    CHECK(r.loss == (2.5 * 2 + 3 * 4 + 1 * 3 + 6 * 1) / 2);
    CHECK(r.total == 2);
    CHECK(r.gradient == Values{-2.5, -3, -1, -6});
  });
}

TEST_CASE("cross_entropy: all rows ignored is NaN without a gradient") {
  for (const double smoothing : {0.0, 0.25}) {
    const CrossEntropyProblem p{.rows = 2, .columns = 2, .label_smoothing = smoothing};
    for_each_entropy_backend([&](const Backend& b) {
      const Result r = run_cross_entropy(b, DType::f32, {p, {-1, -2, -3, -4}, {-100, -100}, {}}, 1);
      CHECK(std::isnan(r.loss));
      CHECK(r.total == 0);
      CHECK(r.gradient == Values{0, 0, 0, 0});
    });
  }
}

TEST_CASE(
    "cross_entropy: a label that is no class makes loss, total and the others' gradient NaN") {
  const Values log_p = {-1, -2, -3, -4};
  for (const double smoothing : {0.0, 0.25}) {
    const CrossEntropyProblem p{.rows = 2, .columns = 2, .label_smoothing = smoothing};
    for_each_entropy_backend([&](const Backend& b) {
      for (const double label : {2.0, -1.0, 2147483647.0, -2147483648.0}) {
        for (const Values& weights : {Values{}, Values{2, 3}}) {
          const Result r = run_cross_entropy(b, DType::f32, {p, log_p, {label, 0}, {}, weights}, 1);
          CHECK(std::isnan(r.loss));
          CHECK(std::isnan(r.total));
          CHECK(std::isnan(r.gradient[2]));
        }
      }
    });
  }
}

TEST_CASE("cross_entropy: what is not read costs nothing, not even infinity") {
  const double inf = HUGE_VAL;
  for_each_entropy_backend([&](const Backend& b) {
    const Result r = run_cross_entropy(b, DType::f32,
                                       {{2, 2}, {-1, -inf, -inf, std::nan("")}, {0, -100}, {}}, 1);
    CHECK(r.loss == 1);
    CHECK(r.gradient == Values{-1, 0, 0, 0});
  });
}

TEST_CASE("cross_entropy against ref in f64") {
  const std::int64_t shapes[][2] = {{1, 1},   {1, 2},      {3, 3},   {3, 16},
                                    {32, 17}, {257, 1000}, {5000, 7}};
  // In bf16 the log-probabilities and their gradients are stored so; all else is f32.
  const auto check = [](const Backend& b, DType dtype, const EntropyCase& c, std::int64_t offset) {
    const Result expected = run_cross_entropy(reference(), DType::f64, c, 0.75);
    const Result found = run_cross_entropy(b, dtype, c, 0.75, offset);
    // Summed in f64 and rounded once; the gradient is a product and a quotient of rounded ones.
    const double rounding = dtype == DType::bf16 ? kBf16Rounding : 0;
    check_close({found.loss}, {expected.loss}, 0x1p-23, "loss");
    check_close({found.total}, {expected.total}, 0x1p-23, "total");
    check_close(found.gradient, expected.gradient, rounding + 0x1p-22, "dlog_p");
  };
  for (const auto& [rows, columns] : shapes) {
    for (int options = 0; options < 16; ++options) {
      const bool soft = options & 1, weighted = options & 2, smoothed = options & 4;
      const bool ignoring = options & 8;
      INFO(rows, " x ", columns, ", soft ", soft, ", weighted ", weighted, ", smoothed ", smoothed,
           ", ignoring ", ignoring);
      Random random(3);
      EntropyCase c{.p = {.rows = rows, .columns = columns},
                    .log_p = {},
                    .labels = {},
                    .probabilities = {},
                    .weights = {}};
      c.log_p = random.uniform_vector(rows * columns, -9, -1);
      if (soft) {
        c.probabilities = random.uniform_vector(rows * columns, 0, 1);
      } else {
        c.labels = random.integer_vector(rows, 0, columns - 1);
      }
      if (weighted) c.weights = random.uniform_vector(columns, 0.25, 2);
      if (smoothed) c.p.label_smoothing = 0.1;
      if (ignoring && rows > 1 && columns > 1) c.p.ignore_index = 0;
      for_each_entropy_backend([&](const Backend& b) { check(b, DType::f32, c, options % 2); });
      if (rows * columns > 100000) continue;
      c.log_p = rounded_to_bf16(c.log_p);
      c.probabilities = rounded_to_bf16(c.probabilities);
      for_each_entropy_backend([&](const Backend& b) {
        if (!computes_bf16(b)) return;
        for (const std::int64_t offset : {0, 1}) check(b, DType::bf16, c, offset);
      });
    }
  }
}

TEST_CASE("cross_entropy: wrong dtypes") {
  for_each_entropy_backend([](const Backend& b) {
    const DeviceBuffer f32(b, DType::f32, 1), i32(b, DType::i32, 1);
    const CrossEntropyProblem p;
    const CrossEntropyTargets labels{.labels = i32, .probabilities = {}, .weights = {}};
    const CrossEntropyTargets no_labels{.labels = f32, .probabilities = {}, .weights = {}};
    const CrossEntropyTargets no_weights{.labels = i32, .probabilities = {}, .weights = i32};
    for (const CrossEntropyTargets& t : {no_labels, no_weights}) {
      CHECK_THROWS_AS(b.cross_entropy.forward({}, p, t, f32, f32, f32), Error);
      CHECK_THROWS_AS(b.cross_entropy.backward({}, p, t, f32, f32, f32), Error);
    }
    CHECK_THROWS_AS(b.cross_entropy.forward({}, p, labels, i32, i32, i32), Error);
    CHECK_THROWS_AS(b.cross_entropy.backward({}, p, labels, i32, i32, i32), Error);
  });
}

TEST_CASE("cross_entropy: same bits for every thread count") {
  const Backend b = cpu_backend();
  EntropyCase c{.p = {.rows = 3000, .columns = 100, .label_smoothing = 0.1},
                .log_p = Random(1).uniform_vector(300000, -9, -1),
                .labels = Random(2).integer_vector(3000, 0, 99),
                .probabilities = {},
                .weights = Random(3).uniform_vector(100, 0.5, 1)};
  check_same_for_all_thread_counts([&] { return run_cross_entropy(b, DType::f32, c, 1); });
  c.labels.clear();
  c.probabilities = Random(4).uniform_vector(300000, 0, 1);
  check_same_for_all_thread_counts([&] { return run_cross_entropy(b, DType::f32, c, 1); });
}

}  // namespace
}  // namespace tl::test
