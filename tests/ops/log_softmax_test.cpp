// log_softmax: gradients, large inputs, devices, errors.
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

OpCase axis_case(const Shape& shape, int axis) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  const double terms = static_cast<double>(shape[axis]) + 15;
  return {.name = concat(shape, ", axis ", axis),
          .inputs = {{shape, random.uniform_vector(shape.size(), -2, 2)}},
          .op = [axis](const auto& in) { return log_softmax(in[0], axis); },
          .y_terms = terms,
          .gradient_terms = {terms}};
}

OpCase log_softmax_case(std::int64_t rows, std::int64_t columns, double scale = 2,
                        double offset = 0) {
  Random random(static_cast<std::uint64_t>(rows * 1009 + columns));
  std::vector<double> x = random.uniform_vector(rows * columns, -scale, scale);
  for (double& v : x) v += offset;
  // A sum over the columns, and an exp and a log of a few roundings each.
  const double terms = static_cast<double>(columns) + 15;
  return {.name = concat(rows, " x ", columns, ", scale ", scale, ", offset ", offset),
          .inputs = {{{rows, columns}, x}},
          .op = [](const auto& in) { return log_softmax(in[0]); },
          .y_terms = terms,
          .gradient_terms = {terms}};
}

std::vector<OpCase> small_log_softmax_cases() {
  return {log_softmax_case(1, 2),       log_softmax_case(3, 5),    log_softmax_case(7, 17),
          log_softmax_case(2, 31, 0.5), log_softmax_case(2, 4, 8), axis_case({4}, 0),
          axis_case({4, 3}, 0),         axis_case({2, 3, 4}, 1),   axis_case({2, 3, 2, 3}, -4)};
}

TEST_CASE("log_softmax: gradient") { check_gradients("log_softmax", small_log_softmax_cases()); }

TEST_CASE("log_softmax: every device") {
  std::vector<OpCase> cases = small_log_softmax_cases();
  cases.push_back(log_softmax_case(5, 1000));
  cases.push_back(log_softmax_case(64, 33));
  // exp(x) itself would overflow or vanish. The offset is a multiple of the grid of f32 here: x is
  // the same number in f32 and f64.
  cases.push_back({.name = "x of 1000",
                   .inputs = {{{2, 3}, {1000, 1001, 998.5, -1000, -1002, -1000.5}}},
                   .op = [](const auto& in) { return log_softmax(in[0]); },
                   .y_terms = 18,
                   .gradient_terms = {18}});
  check_devices("log_softmax", cases);
  check_bf16("log_softmax", cases, {.gradients = 2});
}

TEST_CASE("log_softmax: one column, exactly") {
  // The only class has probability 1: y = 0 and nothing depends on x.
  EveryDevice every("log_softmax");
  every.run([](Device device) {
    const Tensor x = Tensor::from(std::vector<double>{3, -5}, {2, 1}, DType::f32, device);
    x.set_requires_grad();
    const Tensor y = log_softmax(x);
    CHECK(y.to_vector<double>() == std::vector<double>{0, 0});
    backward(y, Tensor::from(std::vector<double>{2, 7}, {2, 1}, DType::f32, device));
    CHECK(x.grad().to_vector<double>() == std::vector<double>{0, 0});
  });
}

TEST_CASE("log_softmax: equal columns") {
  EveryDevice every("log_softmax");
  every.run([](Device device) {
    const Tensor y = log_softmax(Tensor::full({2, 4}, 7, DType::f32, device));
    check_close(y.to_vector<double>(), std::vector<double>(8, -std::log(4)), f32_sum_bound(4), "y");
  });
}

TEST_CASE("log_softmax: empty, errors") {
  CHECK(log_softmax(zeros({0, 4})).shape() == Shape{0, 4});
  CHECK(log_softmax(zeros({4, 0})).shape() == Shape{4, 0});
  CHECK(log_softmax(zeros({4, 0}), 0).shape() == Shape{4, 0});
  CHECK_ERROR(log_softmax(zeros({2, 3}), -3), "log_softmax: [2, 3] has no axis -3");
  CHECK_ERROR(log_softmax(zeros({})), "log_softmax: [] has no axis -1");
  CHECK_ERROR(log_softmax(zeros({2, 2}, DType::i32)), "log_softmax: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
