// relu: gradients, devices, NaN, errors.
#include <limits>

#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

/// |x| in [0.1, 1): away from the kink.
std::vector<double> away_from_zero(Random& random, std::int64_t size) {
  auto values = random.uniform_vector(size, 0.1, 1);
  for (double& v : values) v = random.integer(0, 1) ? v : -v;
  return values;
}

OpCase relu_case(const Shape& shape, bool integers = false) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  return {.name = concat(shape),
          .inputs = {{shape, integers ? random.integer_vector(shape.size())
                                      : away_from_zero(random, shape.size())}},
          .op = [](const auto& x) { return relu(x[0]); },
          .y_terms = 1,
          .gradient_terms = {1}};
}

std::vector<OpCase> cases() {
  return {relu_case({3}), relu_case({7, 5}), relu_case({2, 3, 5, 17}), relu_case({129})};
}

TEST_CASE("relu: gradient") { check_gradients("relu", cases()); }

TEST_CASE("relu: every device") {
  check_devices("relu", cases());
  check_exact_on_devices("relu", {relu_case({5, 31}, true)});
}

TEST_CASE("relu: the gradient at 0 is 0, and NaN stays NaN") {
  EveryDevice every("relu");
  every.run([](Device device) {
    const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
    const Tensor x =
        Tensor::from(std::vector<double>{0, -0.0, nan, inf, -inf, 2}, {6}, DType::f32, device)
            .set_requires_grad();
    const Tensor y = relu(x);
    const auto values = y.to_vector<double>();
    CHECK(values[0] == 0);
    CHECK(values[1] == 0);
    CHECK(std::isnan(values[2]));
    CHECK(values[3] == inf);
    CHECK(values[4] == 0);
    CHECK(values[5] == 2);
    backward(y, Tensor::full({6}, 3, DType::f32, device));
    const auto dx = x.grad().to_vector<double>();
    CHECK(dx[0] == 0);
    CHECK(dx[1] == 0);
    CHECK(dx[3] == 3);
    CHECK(dx[4] == 0);
    CHECK(dx[5] == 3);
  });
}

TEST_CASE("relu: empty, errors") {
  CHECK(relu(zeros({0, 4})).shape() == Shape{0, 4});
  CHECK_ERROR(relu(zeros({2}, DType::u8)), "relu: needs a float tensor, got u8");
  CHECK_ERROR(relu(Tensor{}), "tensor: used before it was given a value");
}

}  // namespace
}  // namespace tl::test
