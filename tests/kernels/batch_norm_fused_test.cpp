// batch_norm with a residual and a ReLU in its kernels, forward and backward, training and
// evaluation: by hand, to the bit of the plain norm with the steps after it, and against ref in
// f64.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include "tests/kernels/batch_norm_harness.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using namespace batch_norm_harness;

/// What may be in the kernels beside the norm.
struct Fused {
  bool residual, relu;
};
constexpr Fused kFused[] = {{false, true}, {true, false}, {true, true}};

BatchNormProblem with(const Fused& fused, BatchNormProblem p) {
  p.residual = fused.residual;
  p.relu = fused.relu;
  return p;
}

constexpr std::array<std::int64_t, 2> kFewShapes[] = {{2, 1}, {7, 17}, {64, 64}, {1025, 16}};

/// Calls f(plain, fused) for every dtype, shape and combination; `plain` is the norm alone.
template <class F>
void for_each_problem(const F& f) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const auto& [rows, channels] : kFewShapes) {
      for (const Fused& fused : kFused) {
        CAPTURE(dtype);
        CAPTURE(rows);
        CAPTURE(channels);
        CAPTURE(fused.residual);
        CAPTURE(fused.relu);
        const BatchNormProblem plain = problem(rows, channels, dtype);
        f(plain, with(fused, plain));
      }
    }
  }
}

BatchNormInputs inputs_for(const BatchNormProblem& p) {
  BatchNormInputs in(p, -1, 3);
  if (p.x_dtype == DType::bf16) {
    for (Values* values : {&in.x, &in.dy, &in.residual, &in.y}) *values = rounded_to_bf16(*values);
  }
  return in;
}

/// relu?(norm + residual?), rounded as one addition in f32 is.
Values finished(const BatchNormProblem& p, Values norm, const BatchNormInputs& in) {
  for (std::size_t i = 0; i < norm.size(); ++i) {
    if (p.residual) norm[i] = static_cast<float>(norm[i] + static_cast<float>(in.residual[i]));
    if (p.relu) norm[i] = std::max(norm[i], 0.0);
  }
  return norm;
}

/// dy where y > 0, else 0.
Values masked(Values dy, const Values& y) {
  for (std::size_t i = 0; i < dy.size(); ++i) {
    if (y[i] <= 0) dy[i] = 0;
  }
  return dy;
}

/// The variant of that name in another slot.
template <class Slot>
const auto& named(const Backend& b, Slot BatchNormKernels::*slot, const std::string& name) {
  return *std::ranges::find_if((b.batch_norm.*slot).all(),
                               [&](const auto& v) { return name == v.name; });
}

/// Problem, inputs and what they give, worked out on paper. One channel, x = 1 3 1 3 as in
/// batch_norm_test.cpp; the norm is 8 12 8 12 in training, 12 16 12 16 in evaluation.
struct ByHand {
  BatchNormProblem p = with({true, true}, problem(4, 1));
  BatchNormInputs in{p, 0, 1};

  ByHand() {
    p.epsilon = 3;
    in.x = {1, 3, 1, 3};
    in.gamma = {4};
    in.beta = {10};
    in.running_mean = {0};
    in.running_var = {1};
    in.residual = {-9, -12, 2, -11};
    in.dy = {16, 32, 8, 24};
    in.y = {0, 0, 10, 1};
  }
};

TEST_CASE("batch_norm with residual and relu by hand") {
  const ByHand c;
  for_each_variant(&BatchNormKernels::train, c.p, [&](const Backend& b, const auto& v) {
    CHECK(train(b, v, c.p, c.in).y == Values{0, 0, 10, 1});
  });
  // dy comes through as 0 0 8 24; x_hat = -1/2 1/2 -1/2 1/2; dbeta = 32, dgamma = 8;
  // dx = 2 * (dy - 8 - x_hat * 2).
  for_each_variant(&BatchNormKernels::train_backward, c.p, [&](const Backend& b, const auto& v) {
    const Gradients g = train_backward(b, v, c.p, c.in, {2}, {0.5});
    CHECK(g.dresidual == Values{0, 0, 8, 24});
    CHECK(g.dbeta == Values{32});
    CHECK(g.dgamma == Values{8});
    CHECK(g.dx == Values{-14, -18, 2, 30});
  });
  for_each_variant(&BatchNormKernels::eval, c.p, [&](const Backend& b, const auto& v) {
    CHECK(eval(b, v, c.p, c.in) == Values{3, 4, 14, 5});
  });
  // x_hat = x / 2
  for_each_variant(&BatchNormKernels::eval_backward, c.p, [&](const Backend& b, const auto& v) {
    const Gradients g = eval_backward(b, v, c.p, c.in);
    CHECK(g.dresidual == Values{0, 0, 8, 24});
    CHECK(g.dbeta == Values{32});
    CHECK(g.dgamma == Values{40});
    CHECK(g.dx == Values{0, 0, 16, 48});
  });
}

TEST_CASE("batch_norm: every kernel of ours takes the residual and the ReLU") {
  const auto check_slot = [](auto BatchNormKernels::*slot) {
    const BatchNormProblem plain = problem(64, 64);
    for_each_variant(slot, plain, [&](const Backend&, const auto& variant) {
      for (const Fused& fused : kFused) CHECK(variant.supports(with(fused, plain)));
    });
  };
  check_slot(&BatchNormKernels::train);
  check_slot(&BatchNormKernels::train_backward);
  check_slot(&BatchNormKernels::eval);
  check_slot(&BatchNormKernels::eval_backward);
}

TEST_CASE("batch_norm fused, forward: the bits of the norm and then the steps after it") {
  for_each_problem([](const BatchNormProblem& plain, const BatchNormProblem& p) {
    // In bf16 the norm alone would be rounded before the residual is added.
    if (p.x_dtype == DType::bf16 && p.residual) return;
    const BatchNormInputs in = inputs_for(p);
    for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& variant) {
      Trained expected = train(b, variant, plain, in);
      expected.y = finished(p, expected.y, in);
      for (const Manner& m : manners_of(b, p)) CHECK((train(b, variant, p, in, m) == expected));
    });
    for_each_variant(&BatchNormKernels::eval, p, [&](const Backend& b, const auto& variant) {
      const Values expected = finished(p, eval(b, variant, plain, in), in);
      for (const Manner& m : manners_of(b, p)) CHECK((eval(b, variant, p, in, m) == expected));
    });
  });
}

TEST_CASE("batch_norm fused, backward: the bits of the plain one for dy masked") {
  for_each_problem([](const BatchNormProblem& plain, const BatchNormProblem& p) {
    const BatchNormInputs in = inputs_for(p);
    const auto expect = [&](Gradients g, const Values& through) {
      if (p.residual) g.dresidual = through;
      return g;
    };
    for_each_variant(&BatchNormKernels::train_backward, p, [&](const Backend& b, const auto& v) {
      const Trained forward = train(b, named(b, &BatchNormKernels::train, v.name), plain, in);
      BatchNormInputs through = in;
      if (p.relu) through.dy = masked(in.dy, p.residual ? in.y : forward.y);
      CHECK((!p.relu || through.dy != in.dy));
      const Gradients expected =
          expect(train_backward(b, v, plain, through, forward.mean, forward.inv_std), through.dy);
      for (const Manner& m : manners_of(b, p))
        CHECK((train_backward(b, v, p, in, forward.mean, forward.inv_std, m) == expected));
    });
    for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
      BatchNormInputs through = in;
      if (p.relu) through.dy = masked(in.dy, in.y);
      const Gradients expected = expect(eval_backward(b, v, plain, through), through.dy);
      for (const Manner& m : manners_of(b, p)) CHECK((eval_backward(b, v, p, in, m) == expected));
    });
  });
}

TEST_CASE("batch_norm fused against ref in f64") {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const auto& [rows, channels] : {std::array{49, 130}, {6007, 64}, {20000, 17}}) {
      CAPTURE(dtype);
      CAPTURE(rows);
      CAPTURE(channels);
      const BatchNormProblem p = with({true, true}, problem(rows, channels, dtype)),
                             exact = with({true, true}, problem(rows, channels, DType::f64));
      const BatchNormInputs in = inputs_for(p);
      const Trained forward = train(reference(), naive(&BatchNormKernels::train), exact, in);
      const Gradients back = train_backward(reference(), naive(&BatchNormKernels::train_backward),
                                            exact, in, forward.mean, forward.inv_std);
      const Values y = eval(reference(), naive(&BatchNormKernels::eval), exact, in);
      const Gradients frozen =
          eval_backward(reference(), naive(&BatchNormKernels::eval_backward), exact, in);
      // As in batch_norm_test.cpp: sums of terms of both signs, dx a difference of three terms.
      const double sums = 16 * f32_sum_bound(static_cast<double>(rows));
      const double stored = dtype == DType::bf16 ? kBf16Rounding : 0;
      for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& v) {
        check_close(train(b, v, p, in).y, forward.y, sums + stored, "y");
      });
      const auto check_gradients = [&](const Gradients& g, const Gradients& expected) {
        check_close(g.dx, expected.dx, sums + stored, "dx");
        check_close(g.dgamma, expected.dgamma, sums, "dgamma");
        check_close(g.dbeta, expected.dbeta, sums, "dbeta");
        check_close(g.dresidual, expected.dresidual, 0x1p-24, "dresidual");
      };
      for_each_variant(&BatchNormKernels::train_backward, p, [&](const Backend& b, const auto& v) {
        check_gradients(train_backward(b, v, p, in, forward.mean, forward.inv_std), back);
      });
      for_each_variant(&BatchNormKernels::eval, p, [&](const Backend& b, const auto& v) {
        check_close(eval(b, v, p, in), y, 0x1p-21 + stored, "y");
      });
      for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
        check_gradients(eval_backward(b, v, p, in), frozen);
      });
    }
  }
}

TEST_CASE("batch_norm fused, backward: each of dx and dresidual without the other") {
  const BatchNormProblem p = with({true, true}, problem(77, 20));
  const BatchNormInputs in = inputs_for(p);
  const Values &mean_in = in.running_mean, &inv_std_in = in.running_var;
  for (int asked = 0; asked < 4; ++asked) {
    CAPTURE(asked);
    const bool wants_dx = asked & 1, wants_dresidual = asked & 2;
    const auto check_run = [&](const Backend& b, const Gradients& all, const auto& run) {
      const Buffers buffer{b, DType::f32, {}};
      const DeviceBuffer dx = buffer(p.rows * p.channels), dresidual = buffer(p.rows * p.channels);
      run(buffer, given(wants_dx, dx), given(wants_dresidual, dresidual));
      if (wants_dx) CHECK((dx.read() == all.dx));
      if (wants_dresidual) CHECK((dresidual.read() == all.dresidual));
    };
    for_each_variant(&BatchNormKernels::train_backward, p, [&](const Backend& b, const auto& v) {
      check_run(b, train_backward(b, v, p, in, mean_in, inv_std_in),
                [&](const Buffers& buffer, View dx, View dresidual) {
                  const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), y = buffer(in.y),
                                     gamma = buffer(in.gamma), mean = buffer(mean_in),
                                     inv_std = buffer(inv_std_in), dgamma = buffer(p.channels),
                                     dbeta = buffer(p.channels);
                  run_variant(
                      b, v, p,
                      BatchNormTrainBackwardArgs{
                          x, dy, gamma, mean, inv_std, dx, dgamma, dbeta, {}, {}, y, dresidual});
                });
    });
    for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
      const Gradients all = eval_backward(b, v, p, in);
      for (const bool wants_sums : {false, true}) {
        check_run(b, all, [&](const Buffers& buffer, View dx, View dresidual) {
          const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), y = buffer(in.y),
                             gamma = buffer(in.gamma), mean = buffer(in.running_mean),
                             var = buffer(in.running_var), dgamma = buffer(p.channels),
                             dbeta = buffer(p.channels);
          run_variant(b, v, p,
                      BatchNormEvalBackwardArgs{given(wants_sums, x),
                                                dy,
                                                gamma,
                                                mean,
                                                var,
                                                dx,
                                                given(wants_sums, dgamma),
                                                given(wants_sums, dbeta),
                                                {},
                                                y,
                                                dresidual});
          if (wants_sums) CHECK((dgamma.read() == all.dgamma));
          if (wants_sums) CHECK((dbeta.read() == all.dbeta));
        });
      }
    });
  }
}

TEST_CASE("batch_norm with relu: a NaN is neither cut off nor stops a gradient") {
  const BatchNormProblem p = with({true, true}, problem(9, 4));
  BatchNormInputs in = inputs_for(p);
  in.residual[5] = in.y[5] = std::numeric_limits<double>::quiet_NaN();
  for_each_variant(&BatchNormKernels::train, p, [&](const Backend& b, const auto& v) {
    CHECK(std::isnan(train(b, v, p, in).y[5]));
  });
  for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
    CHECK(eval_backward(b, v, p, in).dresidual[5] == static_cast<float>(in.dy[5]));
  });
}

TEST_CASE("batch_norm fused: no rows") {
  const BatchNormProblem p = with({true, true}, problem(0, 3));
  const BatchNormInputs in(p, 0, 1);
  for_each_variant(&BatchNormKernels::eval, p,
                   [&](const Backend& b, const auto& v) { CHECK(eval(b, v, p, in).empty()); });
  for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
    const Gradients g = eval_backward(b, v, p, in);
    CHECK(g.dresidual.empty());
    CHECK(g.dbeta == Values{0, 0, 0});
  });
}

TEST_CASE("batch_norm fused: same bits for every thread count") {
  const Backend b = cpu_backend();
  const BatchNormProblem p = with({true, true}, problem(5003, 50));
  const BatchNormInputs in = inputs_for(p);
  check_same_for_all_thread_counts([&] {
    const Trained t = train(b, b.batch_norm.train.choose(p), p, in);
    return std::tuple(
        t, train_backward(b, b.batch_norm.train_backward.choose(p), p, in, t.mean, t.inv_std),
        eval(b, b.batch_norm.eval.choose(p), p, in),
        eval_backward(b, b.batch_norm.eval_backward.choose(p), p, in));
  });
}

TEST_CASE("batch_norm: the problem says what is fused") {
  CHECK_THROWS_WITH_AS(
      cpu_backend().batch_norm.train.choose(with({true, true}, problem(4, 2, DType::f64))),
      "batch_norm.train: none of chunked supports x [4, 2] f64, statistics f64, residual, relu",
      Error);
}

}  // namespace
}  // namespace tl::test
