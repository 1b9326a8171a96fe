// Functions of one number: gradients, devices, exact cases, kinks, NaN, errors.
#include <limits>

#include "engine/allocator.h"
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// One op, where its inputs are drawn from, and what it counts as: terms of a sum, for the bounds.
struct Function {
  const char* name;
  TensorFunction op;
  double low, high;
  double y_terms = 2, gradient_terms = 2;  ///< roundings, four units in the last place each
};

const std::vector<Function>& functions() {
  static const std::vector<Function> list = {
      {"relu", [](const auto& x) { return relu(x[0]); }, 0.1, 1},
      {"leaky_relu", [](const auto& x) { return leaky_relu(x[0], 0.2); }, 0.1, 1},
      {"exp", [](const auto& x) { return exp(x[0]); }, -3, 3},
      {"log", [](const auto& x) { return log(x[0]); }, 0.1, 5},
      {"sqrt", [](const auto& x) { return sqrt(x[0]); }, 0.1, 5},
      {"tanh", [](const auto& x) { return tanh(x[0]); }, -2, 2},
      {"sigmoid", [](const auto& x) { return sigmoid(x[0]); }, -4, 4},
      {"clamp", [](const auto& x) { return clamp(x[0], -0.05, 0.05); }, -1, 1},
      {"clamp, low bound alone",
       [](const auto& x) { return clamp(x[0], 0.05, std::numeric_limits<double>::infinity()); },
       0.1, 1},
      {"pow, 2", [](const auto& x) { return pow(x[0], 2); }, -2, 2},
      {"pow, 3", [](const auto& x) { return pow(x[0], 3); }, -2, 2},
      {"pow, -0.5", [](const auto& x) { return pow(x[0], -0.5); }, 0.3, 2},
      {"scale", [](const auto& x) { return scale(x[0], -1.5, 0.25); }, -1, 1},
  };
  return list;
}

/// Numbers of either sign at least 0.1 from 0: away from the kinks of relu and clamp.
Values away_from_zero(Random& random, std::int64_t size) {
  Values values = random.uniform_vector(size, 0.1, 1);
  for (double& v : values) v = random.integer(0, 1) ? v : -v;
  return values;
}

OpCase unary_case(const Function& f, const Shape& shape) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  const std::string name = f.name;
  const bool kinked = name.find("relu") != name.npos || name.find("clamp") != name.npos;
  Values x = kinked ? away_from_zero(random, shape.size())
                    : random.uniform_vector(shape.size(), f.low, f.high);
  if (kinked) x[0] = 0.5;  // a gradient that is 0 everywhere could not be compared
  if (name == "clamp") x[0] = 0.01;
  return {.name = concat(f.name, " ", shape),
          .inputs = {{shape, x}},
          .op = f.op,
          .y_terms = f.y_terms,
          .gradient_terms = {f.gradient_terms}};
}

std::vector<OpCase> unary_cases(const std::vector<Shape>& shapes) {
  std::vector<OpCase> list;
  for (const Function& f : functions()) {
    for (const Shape& shape : shapes) list.push_back(unary_case(f, shape));
  }
  return list;
}

TEST_CASE("unary: gradient") {
  check_gradients("unary", unary_cases({{}, {3}, {7, 5}, {2, 3, 5, 7}}));
}

TEST_CASE("unary: every device") {
  check_devices("unary", unary_cases({{}, {3}, {7, 5}, {2, 3, 5, 17}, {129}}));
  check_bf16("unary", unary_cases({{3}, {2, 3, 5, 17}}), {.gradients = 2});
}

TEST_CASE("unary: exact cases") {
  const auto exact = [](const char* name, TensorFunction op) {
    return OpCase{.name = name,
                  .inputs = {{{5, 31}, Random(8).integer_vector(5 * 31)}},
                  .op = std::move(op),
                  .y_terms = 1,
                  .gradient_terms = {1}};
  };
  check_exact_on_devices("unary",
                         {exact("relu", [](const auto& x) { return relu(x[0]); }),
                          exact("leaky_relu", [](const auto& x) { return leaky_relu(x[0], 0.5); }),
                          exact("clamp", [](const auto& x) { return clamp(x[0], -2, 1); }),
                          exact("pow", [](const auto& x) { return pow(x[0], 2); }),
                          exact("scale", [](const auto& x) { return scale(x[0], 3, -5); })});
}

/// y and dx of dy = 3, of a few numbers in f32.
struct Result {
  Values y, dx;
};
Result result_of(Device device, const Values& values, const TensorFunction& op) {
  const Tensor x =
      Tensor::from(values, {static_cast<std::int64_t>(values.size())}, DType::f32, device)
          .set_requires_grad();
  const Tensor y = op({x});
  backward(y, Tensor::full(y.shape(), 3, DType::f32, device));
  return {y.to_vector<double>(), x.grad().to_vector<double>()};
}

TEST_CASE("relu: the gradient at 0 is 0, and NaN stays NaN and lets the gradient through") {
  EveryDevice every("relu");
  every.run([](Device device) {
    const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
    const Result r =
        result_of(device, {0, -0.0, nan, inf, -inf, 2}, [](const auto& x) { return relu(x[0]); });
    CHECK(std::isnan(r.y[2]));
    CHECK(Values{r.y[0], r.y[1], r.y[3], r.y[4], r.y[5]} == Values{0, 0, inf, 0, 2});
    CHECK(r.dx == Values{0, 0, 3, 3, 0, 3});
  });
}

TEST_CASE("clamp: the gradient is 1 on the bounds, and NaN stays NaN") {
  EveryDevice every("clamp");
  every.run([](Device device) {
    const Result r = result_of(device, {-1, 2, -1.5, 2.5, 0, std::nan("")},
                               [](const auto& x) { return clamp(x[0], -1, 2); });
    CHECK(Values(r.y.begin(), r.y.end() - 1) == Values{-1, 2, -1, 2, 0});
    CHECK(std::isnan(r.y[5]));
    CHECK(r.dx == Values{3, 3, 0, 0, 3, 0});
  });
}

TEST_CASE("pow: constants") {
  EveryDevice every("pow");
  every.run([](Device device) {
    const Result zero = result_of(device, {0, -3, 5}, [](const auto& x) { return pow(x[0], 0); });
    CHECK(zero.y == Values{1, 1, 1});
    CHECK(zero.dx == Values{0, 0, 0});
    const Result one = result_of(device, {0, -3, 5}, [](const auto& x) { return pow(x[0], 1); });
    CHECK(one.y == Values{0, -3, 5});
    CHECK(one.dx == Values{3, 3, 3});
  });
}

TEST_CASE("unary: what no gradient needs is not kept") {
  const Tensor x = Tensor::full({1000}, 0.5, DType::f64, Device::ref).set_requires_grad();
  const auto before = memory_stats(MemorySpace::host).current;
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = scale(y, 2);
  CHECK(memory_stats(MemorySpace::host).current - before <= 2 * 8192);
  backward(y, Tensor::full({1000}, 1, DType::f64, Device::ref));
  CHECK(x.grad().to_vector<double>() == Values(1000, 1024));
}

TEST_CASE("unary: empty, errors") {
  const Tensor empty = zeros({0, 4}).set_requires_grad();
  for (const Function& f : functions()) {
    CAPTURE(std::string(f.name));
    const Tensor y = f.op({empty});
    CHECK(y.shape() == Shape{0, 4});
    backward(y, zeros({0, 4}));
  }
  CHECK(empty.grad().shape() == Shape{0, 4});
  CHECK_ERROR(relu(zeros({2}, DType::u8)), "relu: needs a float tensor, got u8");
  CHECK_ERROR(scale(zeros({2}, DType::i32), 2), "scale: needs a float tensor, got i32");
  CHECK_ERROR(relu(Tensor{}), "tensor: used before it was given a value");
  CHECK_ERROR(tanh(zeros({2}, DType::f64, Device::cpu)),
              "tanh: cpu needs f32, got f64 (ref has f64)");
}

}  // namespace
}  // namespace tl::test
