// elementwise: unary functions and their gradients against the C library in f64, with bounds in
// units in the last place. The ends of their ranges: elementwise_limits_test.cpp; the binary
// functions: elementwise_binary_test.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"
#include "tests/support/ulp.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

const std::int64_t kSizes[] = {0, 1, 3, 7, 16, 17, 33, 1009, 16384, 16385, 50000};

/// One function, written a second time: y of x, dx of what is saved.
struct Function {
  UnaryProblem problem;
  double (*y)(double x);
  double (*dx)(double saved, double dy);
  struct {
    double low, high;
  } x;  ///< drawn from here
  struct {
    double y, dx;
  } ulp;  ///< bounds: what they are made of stands beside the list
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// Bounds: one rounding is at most 0.5 ulp off; a chain of them up to 1 ulp each, because the last
// place of an intermediate result may be twice as large as that of the final one.
// y: exp, log and tanh as math-inl.h says, plus 0.5, as the comparison is with exact numbers, not
// with their roundings; sigmoid: e^-x, a sum, a quotient; pow: the C library's.
// dx: the roundings of its formula; pow: x^(a - 1) and two products.
const Function kFunctions[] = {
    {{.op = UnaryOp::relu},
     [](double x) { return x > 0 ? x : 0; },
     [](double y, double dy) { return y > 0 ? dy : 0; },
     {-2, 2},
     {0, 0}},
    {{.op = UnaryOp::leaky_relu, .a = 0.25},
     [](double x) { return x > 0 ? x : 0.25 * x; },
     [](double x, double dy) { return x > 0 ? dy : 0.25 * dy; },
     {-2, 2},
     {0, 0}},
    {{.op = UnaryOp::exp},
     [](double x) { return std::exp(x); },
     [](double y, double dy) { return dy * y; },
     {-80, 80},
     {1.5, 0.5}},
    {{.op = UnaryOp::log},
     [](double x) { return std::log(x); },
     [](double x, double dy) { return dy / x; },
     {0.001, 20},
     {4.5, 0.5}},
    {{.op = UnaryOp::sqrt},
     [](double x) { return std::sqrt(x); },
     [](double y, double dy) { return dy / (2 * y); },
     {0.01, 1000},
     {0.5, 0.5}},
    {{.op = UnaryOp::tanh},
     [](double x) { return std::tanh(x); },
     [](double y, double dy) { return dy * (1 - y * y); },
     {-0.7, 0.7},
     {4.5, 3}},
    {{.op = UnaryOp::sigmoid},
     sigmoid,
     [](double y, double dy) { return dy * y * (1 - y); },
     {0.1, 0.9},
     {3, 3}},
    {{.op = UnaryOp::clamp, .a = -0.5, .b = 0.75},
     [](double x) { return std::min(std::max(x, -0.5), 0.75); },
     [](double x, double dy) { return x < -0.5 || x > 0.75 ? 0 : dy; },
     {-1, 1},
     {0, 0}},
    {{.op = UnaryOp::pow, .a = 2},
     [](double x) { return x * x; },
     [](double x, double dy) { return dy * 2 * x; },
     {-3, 3},
     {1, 1}},
    {{.op = UnaryOp::pow, .a = -1.5},
     [](double x) { return std::pow(x, -1.5); },
     [](double x, double dy) { return dy * -1.5 * std::pow(x, -2.5); },
     {0.1, 5},
     {1, 3}},
    {{.op = UnaryOp::pow, .a = 0},
     [](double) { return 1.0; },
     [](double, double) { return 0.0; },
     {-1, 1},
     {0, 0}},
    {{.op = UnaryOp::scale, .a = 3, .b = 0.5},
     [](double x) { return 3 * x + 0.5; },
     [](double, double dy) { return 3 * dy; },
     {0, 1},
     {1.5, 0.5}},
};

std::string name_of(const Function& f) {
  return concat(tl::name_of(f.problem.op), " a = ", f.problem.a);
}

/// Of y: a GPU's powf is up to 4 places off, and no backend's product.
double y_bound_of(const Backend& b, const Function& f) {
  const bool is_power = f.problem.op == UnaryOp::pow && f.ulp.y > 0;
  return f.ulp.y + (is_power && std::string_view(b.name) == "cuda" ? 3.5 : 0);
}

TEST_CASE(
    "elementwise.unary: values, for every size and alignment, aliased "
    "and not") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.unary) return;
    for (const Function& f : kFunctions) {
      CAPTURE(name_of(f));
      for (std::int64_t size : kSizes) {
        CAPTURE(size);
        const Values in = Random(4).uniform_vector(size, f.x.low, f.x.high);
        Values exact;
        for (double x : in) exact.push_back(f.y(x));
        if (size > 2) REQUIRE(norm(exact) > 0);
        for (std::int64_t offset : {0, 1}) {
          const DeviceBuffer x(b, DType::f32, in, offset), y(b, DType::f32, size, 2 * offset);
          b.elementwise.unary({}, f.problem, x, y);
          check_ulp(y.read(), exact, y_bound_of(b, f));
          CHECK((x.read() == in));
          b.elementwise.unary({}, f.problem, x, x);  // in place
          CHECK((x.read() == y.read()));
        }
      }
    }
  });
}

TEST_CASE(
    "elementwise.unary_backward: values, for every size and alignment, "
    "aliased and not") {
  for_each_backend([](const Backend& b) {
    if (!b.elementwise.unary_backward) return;
    for (const Function& f : kFunctions) {
      CAPTURE(name_of(f));
      for (std::int64_t size : kSizes) {
        CAPTURE(size);
        const bool nothing = saved_by(f.problem.op) == SavedBy::nothing;
        const Values in = Random(5).uniform_vector(size, f.x.low, f.x.high);
        const Values dy = Random(6).uniform_vector(size);
        Values exact;
        for (std::size_t i = 0; i < in.size(); ++i) exact.push_back(f.dx(in[i], dy[i]));
        for (std::int64_t offset : {0, 1}) {
          const DeviceBuffer x(b, DType::f32, in, offset), g(b, DType::f32, dy, 2 * offset);
          const DeviceBuffer dx(b, DType::f32, size, offset);
          const ConstView saved = nothing ? ConstView{} : ConstView(x);
          b.elementwise.unary_backward({}, f.problem, saved, g, dx);
          check_ulp(dx.read(), exact, f.ulp.dx);
          CHECK((x.read() == in));
          b.elementwise.unary_backward({}, f.problem, saved, g,
                                       g);  // dx may be dy
          CHECK((g.read() == dx.read()));
        }
      }
    }
  });
}

/// Odd remainders, one pack, packs and a remainder.
const std::int64_t kBf16Sizes[] = {0, 1, 7, 8, 17, 1009};

TEST_CASE("elementwise.unary: bf16 is computed in f32 and rounded once") {
  constexpr double kHalf = 0x1p15;  // half a place of bf16, in places of f32
  for_each_backend([&](const Backend& b) {
    if (!b.elementwise.unary || !computes_bf16(b)) return;
    for (const Function& f : kFunctions) {
      CAPTURE(name_of(f));
      for (const std::int64_t size : kBf16Sizes) {
        CAPTURE(size);
        const bool nothing = saved_by(f.problem.op) == SavedBy::nothing;
        const Values in = rounded_to_bf16(Random(4).uniform_vector(size, f.x.low, f.x.high));
        const Values dy = rounded_to_bf16(Random(6).uniform_vector(size));
        Values exact_y, exact_dx;
        for (std::size_t i = 0; i < in.size(); ++i) {
          exact_y.push_back(f.y(in[i]));
          exact_dx.push_back(f.dx(in[i], dy[i]));
        }
        for (std::int64_t offset : {0, 1}) {
          const DeviceBuffer x(b, DType::bf16, in, offset), g(b, DType::bf16, dy, 2 * offset);
          const DeviceBuffer y(b, DType::bf16, size, offset), dx(b, DType::bf16, size, offset);
          b.elementwise.unary({}, f.problem, x, y);
          check_ulp(y.read(), exact_y, f.ulp.y == 0 ? kHalf : kHalf + y_bound_of(b, f));
          b.elementwise.unary_backward({}, f.problem, nothing ? ConstView{} : ConstView(x), g, dx);
          check_ulp(dx.read(), exact_dx, kHalf + f.ulp.dx);
          b.elementwise.unary({}, f.problem, x, x);  // in place
          CHECK((x.read() == y.read()));
        }
      }
    }
  });
}

TEST_CASE("elementwise.unary: f64 on ref") {
  const Backend& b = reference();
  const Values in = {0.3, 0.7, 0.11}, other = {1, 2, -1e-300};
  const DeviceBuffer x(b, DType::f64, in), dy(b, DType::f64, other), y(b, DType::f64, 3);
  for (const Function& f : kFunctions) {
    CAPTURE(name_of(f));
    b.elementwise.unary({}, f.problem, x, y);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(y.read()[i] - f.y(in[i])) <= 1e-15 * 30);
    b.elementwise.unary_backward({}, f.problem, x, dy, y);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(std::abs(y.read()[i] - f.dx(in[i], other[i])) <= 1e-15 * std::abs(y.read()[i]));
    }
  }
}

TEST_CASE("elementwise.unary: wrong dtypes are refused") {
  for (const Backend& b : tested_backends()) {
    if (!b.elementwise.unary) continue;
    CAPTURE(std::string(b.name));
    const DeviceBuffer f32(b, DType::f32, 4), i32(b, DType::i32, 4), u8(b, DType::u8, 4);
    const DeviceBuffer bf16(b, DType::bf16, 4);
    for (const Function& f : kFunctions) {
      CAPTURE(name_of(f));
      CHECK_THROWS_AS(b.elementwise.unary({}, f.problem, i32, i32), Error);
      CHECK_THROWS_AS(b.elementwise.unary({}, f.problem, u8, f32), Error);
      CHECK_THROWS_AS(b.elementwise.unary({}, f.problem, bf16, f32), Error);
      CHECK_THROWS_AS(b.elementwise.unary_backward({}, f.problem, f32, u8, f32), Error);
      CHECK_THROWS_AS(b.elementwise.unary_backward({}, f.problem, f32, f32, i32), Error);
      if (saved_by(f.problem.op) == SavedBy::nothing) continue;
      CHECK_THROWS_AS(b.elementwise.unary_backward({}, f.problem, u8, f32, f32), Error);
    }
  }
}

TEST_CASE("elementwise.unary: cpu names what it needs") {
  const Backend b = cpu_backend();
  const DeviceBuffer x(b, DType::f64, 4);
  CHECK_THROWS_WITH_AS(b.elementwise.unary({}, {.op = UnaryOp::relu}, x, x),
                       "relu: cpu needs f32, got f64 (ref has f64)", Error);
}

TEST_CASE("elementwise.unary: same bits for every thread count") {
  const Backend b = cpu_backend();
  const DeviceBuffer x(b, DType::f32, Random(3).uniform_vector(70001, 0.1, 0.9)),
      other(b, DType::f32, Random(4).uniform_vector(70001, 0.1, 0.9));
  const auto same = [&](const auto& call) {
    check_same_for_all_thread_counts([&] {
      const DeviceBuffer y(b, DType::f32, 70001);
      call(y);
      return y.read();
    });
  };
  for (const Function& f : kFunctions) {
    CAPTURE(name_of(f));
    same([&](const DeviceBuffer& y) { b.elementwise.unary({}, f.problem, x, y); });
    same([&](const DeviceBuffer& y) { b.elementwise.unary_backward({}, f.problem, x, other, y); });
  }
}

}  // namespace
}  // namespace tl::test
