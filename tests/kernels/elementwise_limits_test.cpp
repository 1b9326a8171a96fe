// elementwise: unary functions and their gradients at NaN, infinities, kinks and the ends of their
// ranges, and over all of these ranges.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/device_buffer.h"
#include "tests/support/not_finite.h"
#include "tests/support/random.h"
#include "tests/support/ulp.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

Values rounded(Values values) {
  for (double& v : values) v = static_cast<double>(static_cast<float>(v));
  return values;
}

/// What the functions make of the numbers at the ends of their ranges.
struct Limit {
  UnaryProblem problem;
  double x, y;
};
const Limit kLimits[] = {
    {{.op = UnaryOp::relu}, kNan, kNan},
    {{.op = UnaryOp::relu}, kInf, kInf},
    {{.op = UnaryOp::relu}, -kInf, 0},
    {{.op = UnaryOp::leaky_relu, .a = 0.5}, kNan, kNan},
    {{.op = UnaryOp::leaky_relu, .a = 0.5}, -kInf, -kInf},
    {{.op = UnaryOp::leaky_relu, .a = -0.5}, -2, 1},
    {{.op = UnaryOp::exp}, kNan, kNan},
    {{.op = UnaryOp::exp}, kInf, kInf},
    {{.op = UnaryOp::exp}, -kInf, 0},
    {{.op = UnaryOp::exp}, 0, 1},
    {{.op = UnaryOp::exp}, 88.7f, std::exp(static_cast<double>(88.7f))},
    {{.op = UnaryOp::exp}, 88.8f, kInf},
    {{.op = UnaryOp::exp}, 1e9, kInf},
    {{.op = UnaryOp::exp}, -1e9, 0},
    {{.op = UnaryOp::log}, kNan, kNan},
    {{.op = UnaryOp::log}, kInf, kInf},
    {{.op = UnaryOp::log}, 0, -kInf},
    {{.op = UnaryOp::log}, -0.0, -kInf},
    {{.op = UnaryOp::log}, -1, kNan},
    {{.op = UnaryOp::log}, -kInf, kNan},
    {{.op = UnaryOp::log}, 1, 0},
    {{.op = UnaryOp::log}, 0x1p-140, -140 * 0.69314718055994531},
    {{.op = UnaryOp::sqrt}, kNan, kNan},
    {{.op = UnaryOp::sqrt}, -1, kNan},
    {{.op = UnaryOp::sqrt}, kInf, kInf},
    {{.op = UnaryOp::sqrt}, 0, 0},
    {{.op = UnaryOp::tanh}, kNan, kNan},
    {{.op = UnaryOp::tanh}, kInf, 1},
    {{.op = UnaryOp::tanh}, -kInf, -1},
    {{.op = UnaryOp::tanh}, 100, 1},
    {{.op = UnaryOp::tanh}, -12, -1},
    {{.op = UnaryOp::tanh}, 0x1p-100, 0x1p-100},
    {{.op = UnaryOp::tanh}, 0, 0},
    {{.op = UnaryOp::sigmoid}, kNan, kNan},
    {{.op = UnaryOp::sigmoid}, kInf, 1},
    {{.op = UnaryOp::sigmoid}, -kInf, 0},
    {{.op = UnaryOp::sigmoid}, 0, 0.5},
    {{.op = UnaryOp::sigmoid}, 200, 1},
    {{.op = UnaryOp::sigmoid}, -200, 0},
    {{.op = UnaryOp::clamp, .a = -1, .b = 2}, kNan, kNan},
    {{.op = UnaryOp::clamp, .a = -1, .b = 2}, kInf, 2},
    {{.op = UnaryOp::clamp, .a = -1, .b = 2}, -kInf, -1},
    {{.op = UnaryOp::clamp, .a = -kInf, .b = kInf}, 7, 7},
    {{.op = UnaryOp::clamp, .a = 3, .b = 1}, 2, 1},  // both bounds cross: the upper one
    {{.op = UnaryOp::pow, .a = 2}, kNan, kNan},
    {{.op = UnaryOp::pow, .a = 0}, kNan, 1},
    {{.op = UnaryOp::pow, .a = 0.5}, -1, kNan},
    {{.op = UnaryOp::pow, .a = 3}, -2, -8},
    {{.op = UnaryOp::pow, .a = -1}, 0, kInf},
    {{.op = UnaryOp::pow, .a = 1}, -5, -5},
    {{.op = UnaryOp::scale, .a = 2, .b = 1}, kNan, kNan},
    {{.op = UnaryOp::scale, .a = 0, .b = 1}, kInf, kNan},
};

TEST_CASE(
    "elementwise.unary: NaN, infinities and limits, in vectors and in "
    "the remainder") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.unary) return;
    for (const Limit& limit : kLimits) {
      CAPTURE(std::string(tl::name_of(limit.problem.op)));
      CAPTURE(limit.problem.a);
      CAPTURE(limit.x);
      const DeviceBuffer x(b, DType::f32, Values(37, limit.x)), y(b, DType::f32, 37);
      b.elementwise.unary({}, limit.problem, x, y);
      check_ulp(y.read(), Values(37, limit.y), 1);
    }
  });
}

TEST_CASE(
    "elementwise.unary_backward: at the kinks, at NaN, in vectors and in "
    "the remainder") {
  const struct {
    UnaryProblem problem;
    double saved, dx;  // of dy = 3
  } cases[] = {
      {{.op = UnaryOp::relu}, 0, 0},
      {{.op = UnaryOp::relu}, kNan, 3},
      {{.op = UnaryOp::leaky_relu, .a = 0.5}, 0, 1.5},
      {{.op = UnaryOp::clamp, .a = -1, .b = 2}, -1, 3},
      {{.op = UnaryOp::clamp, .a = -1, .b = 2}, 2, 3},
      {{.op = UnaryOp::clamp, .a = -1, .b = 2}, 2.5, 0},
      {{.op = UnaryOp::clamp, .a = -1, .b = 2}, kNan, 0},
      {{.op = UnaryOp::sqrt}, 0, kInf},
      {{.op = UnaryOp::log}, 0, kInf},
      {{.op = UnaryOp::pow, .a = 0}, 0, 0},
      {{.op = UnaryOp::pow, .a = 1}, 0, 3},
      {{.op = UnaryOp::pow, .a = 2}, 0, 0},
      {{.op = UnaryOp::tanh}, 1, 0},
  };
  for_each_backend([&](const Backend& b) {
    if (!b.elementwise.unary_backward) return;
    for (const auto& c : cases) {
      CAPTURE(std::string(tl::name_of(c.problem.op)));
      CAPTURE(c.saved);
      const DeviceBuffer saved(b, DType::f32, Values(37, c.saved)), dx(b, DType::f32, 37);
      const DeviceBuffer dy(b, DType::f32, Values(37, 3));
      b.elementwise.unary_backward({}, c.problem, saved, dy, dx);
      check_ulp(dx.read(), Values(37, c.dx), 0);
    }
  });
}

TEST_CASE("elementwise.unary: exp, log, tanh and sigmoid over their whole range") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.unary) return;
    const auto sweep = [&](UnaryOp op, double (*exact)(double), Values in, double bound) {
      CAPTURE(std::string(tl::name_of(op)));
      in = rounded(in);
      Values expected;
      for (double x : in) expected.push_back(exact(x));
      const DeviceBuffer x(b, DType::f32, in);
      const DeviceBuffer y(b, DType::f32, static_cast<std::int64_t>(in.size()));
      b.elementwise.unary({}, {.op = op}, x, y);
      check_ulp(y.read(), expected, bound);
    };
    Values linear, small, positive;
    Random random(8);
    for (int i = 0; i < 20000; ++i) {
      linear.push_back(random.uniform(-87, 88));
      small.push_back(std::exp2(random.uniform(-40, 6)) * (random.integer(0, 1) ? 1 : -1));
      positive.push_back(std::exp2(random.uniform(-126, 127)));
    }
    const auto exp = [](double x) { return std::exp(x); };
    const auto log = [](double x) { return std::log(x); };
    const auto tanh = [](double x) { return std::tanh(x); };
    const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
    sweep(UnaryOp::exp, exp, linear, 1.5);
    sweep(UnaryOp::exp, exp, small, 1.5);
    sweep(UnaryOp::log, log, positive, 4.5);
    sweep(UnaryOp::tanh, tanh, small, 4.5);
    sweep(UnaryOp::sigmoid, sigmoid, linear, 3);
    sweep(UnaryOp::sigmoid, sigmoid, small, 3);
  });
}

}  // namespace
}  // namespace tl::test
