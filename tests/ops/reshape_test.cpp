// reshape: gradients, sharing of numbers, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

OpCase reshape_case(const Shape& from, const Shape& to) {
  Random random(3);
  return {.name = concat(from, " to ", to),
          .inputs = {{from, random.integer_vector(from.size(), 1, 9)}},
          .op = [to](const auto& x) { return reshape(x[0], to); },
          .y_terms = 1,
          .gradient_terms = {1}};
}

std::vector<OpCase> reshape_cases() {
  return {reshape_case({2, 3, 4}, {24}), reshape_case({6}, {1, 2, 3}), reshape_case({1}, {}),
          reshape_case({2, 1, 1, 17}, {2, 17})};
}

TEST_CASE("reshape: gradient") { check_gradients("reshape", reshape_cases()); }

TEST_CASE("reshape: every device, exactly") { check_exact_on_devices("reshape", reshape_cases()); }

TEST_CASE("reshape: a view of the same numbers, which backward notices being overwritten") {
  const Tensor x = zeros({2, 3}).set_requires_grad();
  const Tensor y = relu(x);
  const Tensor z = reshape(y, {6});
  z.detached().copy_from(Tensor::full({6}, 5, DType::f64, Device::ref));
  CHECK(y.to_vector<double>() == std::vector<double>(6, 5));
  CHECK_ERROR(backward(z, zeros({6})),
              "relu: a tensor that backward needs was overwritten after the forward pass");
}

TEST_CASE("reshape: the gradient does not write into the cotangent it was given") {
  const Tensor x = zeros({2, 3}).set_requires_grad();
  const Tensor dy = Tensor::full({6}, 1, DType::f64, Device::ref);
  backward(reshape(x, {6}), dy);
  backward(reshape(x, {6}), dy);
  CHECK(dy.to_vector<double>() == std::vector<double>(6, 1));
  CHECK(x.grad().to_vector<double>() == std::vector<double>(6, 2));
}

TEST_CASE("reshape: empty, errors") {
  CHECK(reshape(zeros({0, 4}), {2, 0}).shape() == Shape{2, 0});
  CHECK_ERROR(reshape(zeros({2, 3}), {7}), "reshape: [2, 3] does not fit [7]");
}

}  // namespace
}  // namespace tl::test
