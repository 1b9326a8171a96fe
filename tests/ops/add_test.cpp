// add: gradients, devices, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

OpCase add_case(const Shape& shape, bool integers = false) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  const auto values = [&] {
    return integers ? random.integer_vector(shape.size(), 1, 5)
                    : random.uniform_vector(shape.size());
  };
  return {.name = concat(shape),
          .inputs = {{shape, values()}, {shape, values()}},
          .op = [](const auto& x) { return add(x[0], x[1]); },
          .y_terms = 2,
          .gradient_terms = {1, 1}};
}

std::vector<OpCase> cases() {
  return {add_case({1}), add_case({7}), add_case({2, 3, 5, 17}), add_case({33, 31})};
}

TEST_CASE("add: gradient") { check_gradients("add", cases()); }

TEST_CASE("add: every device") {
  check_devices("add", cases());
  check_exact_on_devices("add", {add_case({3, 7, 5}, true)});
}

TEST_CASE("add: a tensor added to itself gets both gradients") {
  const OpCase c{.name = "x + x",
                 .inputs = {{{5}, {1, 2, 3, 4, 5}}},
                 .op = [](const auto& x) { return add(x[0], x[0]); },
                 .y_terms = 2,
                 .gradient_terms = {2}};
  check_gradients("add", {c});
  check_exact_on_devices("add", {c});
}

TEST_CASE("add: empty") {
  const Tensor x = Tensor::empty({0, 3}, DType::f64, Device::ref).set_requires_grad();
  const Tensor y = add(x, x);
  CHECK(y.shape() == Shape{0, 3});
  backward(y, Tensor::empty_like(y));
  CHECK(x.grad().shape() == Shape{0, 3});
}

TEST_CASE("add: errors") {
  const Tensor x = zeros({2, 3});
  CHECK_ERROR(add(x, zeros({3, 2})), "add: the second term must have shape [2, 3], got [3, 2]");
  CHECK_ERROR(add(x, zeros({2, 3}, DType::f32)), "add: the second term is f32, the input f64");
  CHECK_ERROR(add(x, zeros({2, 3}, DType::f64, Device::cpu)),
              "add: the second term is on cpu, the input on ref");
  CHECK_ERROR(add(zeros({2}, DType::i32), zeros({2}, DType::i32)),
              "add: needs a float tensor, got i32");
  CHECK_ERROR(add(Tensor{}, x), "tensor: used before it was given a value");
}

}  // namespace
}  // namespace tl::test
