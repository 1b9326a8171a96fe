// batch_norm: by hand, exactly, and every variant against ref in f64. batch_norm_eval_test.cpp has
// the cases of evaluation alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "tests/kernels/batch_norm_harness.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using namespace batch_norm_harness;

TEST_CASE("batch_norm by hand") {
  // One channel, x = 1 3 1 3: mean 2, variance 1; with epsilon 3 inv_std is 1/2.
  BatchNormProblem p = problem(4, 1);
  p.epsilon = 3;
  p.momentum = 0.5;
  BatchNormInputs in(p, 0, 1);
  in.x = {1, 3, 1, 3};
  in.dy = {1, 0, 0, 0};
  in.gamma = {4};
  in.beta = {10};
  in.running_mean = {0};
  in.running_var = {1};
  for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& variant) {
    const Trained t = train(b, variant, p, in);
    CHECK(t.y == Values{8, 12, 8, 12});
    CHECK(t.mean == Values{2});
    CHECK(t.inv_std == Values{0.5});
    CHECK(t.running_mean == Values{1});
    CHECK(t.running_var[0] == doctest::Approx(1 + 0.5 * (4.0 / 3 - 1)).epsilon(1e-6));
  });
  // x_hat = -+1/2; dbeta = 1; dgamma = -1/2; dx = 4 * 1/2 * (dy - 1/4 - x_hat * -1/8).
  for_each_variant(&BatchNormKernels::train_backward, p, [&](const Backend& b, const auto& v) {
    const Gradients g = train_backward(b, v, p, in, {2}, {0.5});
    CHECK(g.dbeta == Values{1});
    CHECK(g.dgamma == Values{-0.5});
    CHECK(g.dx == Values{2 * (0.75 - 0.0625), 2 * (-0.25 + 0.0625), 2 * (-0.25 - 0.0625),
                         2 * (-0.25 + 0.0625)});
  });
  // Statistics 0 and 1, so inv_std is 1/2 again.
  for_each_variant(&BatchNormKernels::eval, p, [&](const Backend& b, const auto& variant) {
    CHECK(eval(b, variant, p, in) == Values{12, 16, 12, 16});
  });
  for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
    const Gradients g = eval_backward(b, v, p, in);
    CHECK(g.dx == Values{2, 0, 0, 0});
    CHECK(g.dgamma == Values{0.5});
    CHECK(g.dbeta == Values{1});
  });
}

TEST_CASE("batch_norm.train is exact where f32 is, across chunks") {
  for (std::int64_t channels : {1, 3, 17, 64}) {
    CAPTURE(channels);
    BatchNormProblem p = problem(4096, channels);
    p.epsilon = 0;
    BatchNormInputs in(p, 0, 1);
    Values expected;
    for (std::int64_t i = 0; i < p.rows; ++i) {
      for (std::int64_t c = 0; c < channels; ++c) {
        // Mean c and variance 4 over every pair of rows, so also over chunks of an even number.
        const double sign = (i ^ (i >> 5)) & 1 ? 1 : -1;
        in.x[expected.size()] = static_cast<double>(c) + 2 * sign;
        expected.push_back(8 * sign + static_cast<double>(c % 5));
      }
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      in.gamma[static_cast<std::size_t>(c)] = 8;
      in.beta[static_cast<std::size_t>(c)] = static_cast<double>(c % 5);
    }
    for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& variant) {
      CHECK((train(b, variant, p, in).y == expected));
    });
  }
}

TEST_CASE("batch_norm.train against ref in f64") {
  // The second range has a mean far above its spread: E[x^2] - E[x]^2 would lose all its digits.
  const double ranges[][2] = {{-1, 1}, {999, 1001}};
  for (const auto& [rows, channels] : kShapes) {
    for (const auto& [low, high] : ranges) {
      CAPTURE(rows);
      CAPTURE(channels);
      CAPTURE(low);
      const BatchNormProblem p = problem(rows, channels),
                             exact = problem(rows, channels, DType::f64);
      const BatchNormInputs in(p, low, high);
      const Trained expected =
          train(reference(), reference().batch_norm.train.all().front(), exact, in);
      const double sum_bound = f32_sum_bound(static_cast<double>(rows));
      // The mean is a sum; its error counts in y by how far it lies from 0 in standard deviations,
      // of which the smallest counts (few rows may lie close together).
      double largest_inv_std = 0;
      for (double v : expected.inv_std) largest_inv_std = std::max(largest_inv_std, v);
      const double mean_in_std = std::max(std::abs(low), std::abs(high)) * largest_inv_std;
      // f32 cannot represent the mean itself better than 2^-24; its square enters the variance.
      const double mean_error = mean_in_std * 0x1p-24 * std::sqrt(static_cast<double>(rows));
      const double std_bound = sum_bound + mean_error * mean_error;
      for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& variant) {
        for (const Manner& manner : manners_of(b, p)) {
          const Trained t = train(b, variant, p, in, manner);
          check_close(t.mean, expected.mean, low > 0 ? sum_bound : 20 * sum_bound, "mean");
          check_close(t.inv_std, expected.inv_std, std_bound, "inv_std");
          check_close(t.y, expected.y, (1 + mean_in_std) * sum_bound, "y");
          check_close(t.running_mean, expected.running_mean, 2 * sum_bound, "running_mean");
          check_close(t.running_var, expected.running_var, std_bound, "running_var");
        }
      });
    }
  }
}

TEST_CASE("batch_norm.train without running statistics") {
  const BatchNormProblem p = problem(50, 5);
  const BatchNormInputs in(p, -1, 1);
  for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& variant) {
    const Buffers buffer{b, DType::f32, {}};
    const DeviceBuffer x = buffer(in.x), gamma = buffer(in.gamma), beta = buffer(in.beta);
    const DeviceBuffer y = buffer(250), mean = buffer(5), inv_std = buffer(5);
    run_variant(b, variant, p,
                BatchNormTrainArgs{x, gamma, beta, y, mean, inv_std, {}, {}, {}, {}});
    CHECK((y.read() == train(b, variant, p, in).y));
  });
}

TEST_CASE("batch_norm.train_backward against ref in f64") {
  for (const auto& [rows, channels] : kShapes) {
    CAPTURE(rows);
    CAPTURE(channels);
    const BatchNormProblem p = problem(rows, channels), exact = problem(rows, channels, DType::f64);
    const BatchNormInputs in(p, -1, 3);
    // Statistics that both are given: rounded to f32 once.
    Values mean, inv_std;
    Random random(5);
    for (std::int64_t c = 0; c < channels; ++c) {
      mean.push_back(random.uniform(0.5, 1.5));
      inv_std.push_back(random.uniform(0.5, 2));
    }
    const Gradients expected = train_backward(
        reference(), reference().batch_norm.train_backward.all().front(), exact, in, mean, inv_std);
    // Terms dy * x_hat of both signs: the sum is about sqrt(rows) smaller than its terms' sum, so
    // the relative bound of a sum of one sign does not hold; 16 covers it at these shapes.
    const double bound = 16 * f32_sum_bound(static_cast<double>(rows));
    // dx is a difference of three terms; its error is relative to them, not to what they leave.
    Values terms;
    for (std::size_t i = 0; i < in.x.size(); ++i) {
      const std::size_t c = i % static_cast<std::size_t>(channels);
      const double n = static_cast<double>(rows), x_hat = (in.x[i] - mean[c]) * inv_std[c];
      terms.push_back(in.gamma[c] * inv_std[c] *
                      (std::abs(in.dy[i]) + std::abs(expected.dbeta[c] / n) +
                       std::abs(x_hat * expected.dgamma[c] / n)));
    }
    const double dx_bound =
        f32_sum_bound(static_cast<double>(rows)) * norm(terms) / norm(expected.dx);
    for_each_variant(&BatchNormKernels::train_backward, p, [&](const Backend& b, const auto& v) {
      for (const Manner& manner : manners_of(b, p)) {
        const Gradients g = train_backward(b, v, p, in, mean, inv_std, manner);
        check_close(g.dx, expected.dx, dx_bound, "dx");
        check_close(g.dgamma, expected.dgamma, bound, "dgamma");
        check_close(g.dbeta, expected.dbeta, bound, "dbeta");
      }
      const Buffers buffer{b, DType::f32, {}};  // dx absent
      const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), gamma = buffer(in.gamma),
                         m = buffer(mean), s = buffer(inv_std), dgamma = buffer(channels),
                         dbeta = buffer(channels);
      run_variant(
          b, v, p,
          BatchNormTrainBackwardArgs{x, dy, gamma, m, s, {}, dgamma, dbeta, {}, {}, {}, {}});
      const Gradients g = train_backward(b, v, p, in, mean, inv_std);
      CHECK((dgamma.read() == g.dgamma));
      CHECK((dbeta.read() == g.dbeta));
    });
  }
}

TEST_CASE("batch_norm in bf16 against ref in f64") {
  for (const auto& [rows, channels] : {std::array{3, 3}, {49, 130}, {1025, 16}}) {
    CAPTURE(rows);
    CAPTURE(channels);
    const BatchNormProblem p = problem(rows, channels, DType::bf16),
                           exact = problem(rows, channels, DType::f64);
    BatchNormInputs in(p, -1, 3);
    in.x = rounded_to_bf16(in.x);
    in.dy = rounded_to_bf16(in.dy);
    const auto& ref = reference().batch_norm;
    const Trained expected = train(reference(), ref.train.all().front(), exact, in);
    const Gradients back = train_backward(reference(), ref.train_backward.all().front(), exact, in,
                                          expected.mean, expected.inv_std);
    const Gradients frozen = eval_backward(reference(), ref.eval_backward.all().front(), exact, in);
    const Values y = eval(reference(), ref.eval.all().front(), exact, in);
    // As in f32 above; what is stored in bf16 is rounded once more.
    const double sums = 16 * f32_sum_bound(static_cast<double>(rows));
    for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& variant) {
      const Trained t = train(b, variant, p, in);
      check_close(t.y, expected.y, kBf16Rounding, "y");
      check_close(t.mean, expected.mean, sums, "mean");
      check_close(t.inv_std, expected.inv_std, sums, "inv_std");
    });
    for_each_variant(&BatchNormKernels::train_backward, p, [&](const Backend& b, const auto& v) {
      const Gradients g = train_backward(b, v, p, in, expected.mean, expected.inv_std);
      check_close(g.dx, back.dx, kBf16Rounding, "dx");
      check_close(g.dgamma, back.dgamma, sums, "dgamma");
      check_close(g.dbeta, back.dbeta, sums, "dbeta");
    });
    for_each_variant(&BatchNormKernels::eval, p, [&](const Backend& b, const auto& variant) {
      check_close(eval(b, variant, p, in), y, kBf16Rounding, "y");
    });
    for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
      const Gradients g = eval_backward(b, v, p, in);
      check_close(g.dx, frozen.dx, kBf16Rounding, "dx");
      check_close(g.dgamma, frozen.dgamma, sums, "dgamma");
      check_close(g.dbeta, frozen.dbeta, sums, "dbeta");
    });
  }
}

TEST_CASE("batch_norm: no rows") {
  const BatchNormProblem p = problem(0, 3);
  const BatchNormInputs in(p, 0, 1);
  for_each_variant(&BatchNormKernels::eval, p,
                   [&](const Backend& b, const auto& v) { CHECK(eval(b, v, p, in).empty()); });
  for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& v) {
    CHECK((train(b, v, p, in).running_mean == in.running_mean));
  });
}

TEST_CASE("batch_norm: same bits for every thread count") {
  const Backend b = cpu_backend();
  const BatchNormProblem p = problem(5003, 50);
  const BatchNormInputs in(p, -1, 3);
  check_same_for_all_thread_counts([&] {
    const Trained t = train(b, b.batch_norm.train.choose(p), p, in);
    return std::tuple(
        t, train_backward(b, b.batch_norm.train_backward.choose(p), p, in, t.mean, t.inv_std),
        eval(b, b.batch_norm.eval.choose(p), p, in),
        eval_backward(b, b.batch_norm.eval_backward.choose(p), p, in));
  });
}

TEST_CASE("batch_norm: unsupported dtypes are refused by name") {
  BatchNormProblem p = problem(4, 4, DType::i32);
  for (const Backend& b : tested_backends()) {
    CHECK_THROWS_AS(b.batch_norm.train.choose(p), Error);
    CHECK_THROWS_AS(b.batch_norm.eval_backward.choose(p), Error);
  }
  CHECK_THROWS_WITH_AS(cpu_backend().batch_norm.train.choose(problem(4, 2, DType::f64)),
                       "batch_norm.train: none of chunked supports x [4, 2] f64, statistics f64",
                       Error);
}

}  // namespace
}  // namespace tl::test
