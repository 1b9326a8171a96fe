// linear: gradients, devices, which gradients are computed, errors.
#include "tests/support/count_calls.h"
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

OpCase linear_case(std::int64_t rows, std::int64_t in, std::int64_t out, bool with_bias = true,
                   bool integers = false) {
  Random random(static_cast<std::uint64_t>(rows * 10007 + in * 101 + out));
  const auto input = [&](const Shape& shape) {
    return Input{shape, integers ? random.integer_vector(shape.size(), -2, 3)
                                 : random.uniform_vector(shape.size())};
  };
  OpCase c{
      .name = concat(rows, " x ", in, " to ", out, with_bias ? "" : ", no bias"),
      .inputs = {input({rows, in}), input({out, in})},
      .op = [with_bias](const auto& x) { return linear(x[0], x[1], with_bias ? x[2] : Tensor{}); },
      .y_terms = static_cast<double>(in + 1),
      .gradient_terms = {static_cast<double>(out), static_cast<double>(rows)},
      .first_parameter = 2};  // the bias
  if (with_bias) {
    c.inputs.push_back(input({out}));
    c.gradient_terms.push_back(static_cast<double>(rows));
  }
  return c;
}

std::vector<OpCase> small_linear_cases() {
  return {linear_case(1, 1, 1), linear_case(3, 5, 7), linear_case(2, 17, 3, false),
          linear_case(9, 4, 1)};
}

TEST_CASE("linear: gradient") { check_gradients("linear", small_linear_cases()); }

TEST_CASE("linear: every device") {
  std::vector<OpCase> cases = small_linear_cases();
  cases.push_back(linear_case(33, 65, 17));
  cases.push_back(linear_case(1, 512, 1000));
  cases.push_back(linear_case(130, 257, 31, false));
  check_devices("linear", cases);
  check_bf16("linear", small_linear_cases());
  check_exact_on_devices("linear", {linear_case(13, 37, 19, true, true)});
}

TEST_CASE("linear: no rows") {
  const Tensor x = zeros({0, 3}).set_requires_grad();
  const Tensor w = zeros({2, 3}).set_requires_grad(), b = zeros({2}).set_requires_grad();
  const Tensor y = linear(x, w, b);
  CHECK(y.shape() == Shape{0, 2});
  backward(y, zeros({0, 2}));
  CHECK(w.grad().to_vector<double>() == std::vector<double>(6, 0));
  CHECK(b.grad().to_vector<double>() == std::vector<double>(2, 0));
}

TEST_CASE("linear: only the gradients that are wanted are computed") {
  CountGemm gemm;
  for (int wanted = 1; wanted < 8; ++wanted) {
    const bool dx = wanted & 1, dw = wanted & 2, db = wanted & 4;
    INFO("dx ", dx, ", dw ", dw, ", db ", db);
    const Tensor x = zeros({4, 3}).set_requires_grad(dx);
    const Tensor w = zeros({2, 3}).set_requires_grad(dw), b = zeros({2}).set_requires_grad(db);
    const Tensor y = linear(x, w, b);
    Backend without_sum = backend(Device::ref);
    if (!db) without_sum.reduce = {};
    ScopedBackend scoped(Device::ref, without_sum);
    gemm.reset();
    backward(y, zeros({4, 2}));
    CHECK(gemm.calls() == dx + dw);
    CHECK(static_cast<bool>(x.grad()) == dx);
    CHECK(static_cast<bool>(w.grad()) == dw);
    CHECK(static_cast<bool>(b.grad()) == db);
  }
}

TEST_CASE("linear: x and the weight are kept only for the gradients that need them") {
  for (int wanted = 0; wanted < 4; ++wanted) {
    const bool dx = wanted & 1, dw = wanted & 2;
    INFO("dx ", dx, ", dw ", dw);
    // Sums: the tape holds the ops that made them, not the tensors themselves.
    const Tensor x0 = zeros({4, 3}).set_requires_grad(dx), x = add(x0, x0);
    const Tensor w0 = zeros({2, 3}).set_requires_grad(dw), w = add(w0, w0);
    const Tensor bias = zeros({2}).set_requires_grad();
    const Tensor y = linear(x, w, bias);
    CHECK(x.shares_storage() == dw);
    CHECK(w.shares_storage() == dx);
  }
}

TEST_CASE("linear: errors") {
  const Tensor x = zeros({4, 3}), w = zeros({2, 3});
  CHECK_ERROR(linear(x, zeros({2, 4}), {}),
              "linear: needs x [rows, in] and weight [out, in], got [4, 3] and [2, 4]");
  CHECK_ERROR(linear(zeros({4, 3, 1, 1}), w, {}),
              "linear: needs x [rows, in] and weight [out, in], got [4, 3, 1, 1] and [2, 3]");
  CHECK_ERROR(linear(x, w, zeros({3})), "linear: bias must have shape [2], got [3]");
  CHECK_ERROR(linear(x, w, zeros({2}, DType::f32)),
              "linear: bias is f32, beside an input in f64 it must be f64");
  CHECK_ERROR(linear(x, zeros({2, 3}, DType::f64, Device::cpu), {}),
              "linear: weight is on cpu, the input on ref");
  CHECK_ERROR(linear(zeros({4, 3}, DType::i32), w, {}), "linear: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
