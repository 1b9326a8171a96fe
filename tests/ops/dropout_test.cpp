// dropout: gradient, one mask on all devices, one stream per call, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

OpCase dropout_case(const Shape& shape, double rate, bool integers = false) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  return {.name = concat(shape, ", rate ", rate),
          .inputs = {{shape, integers ? random.integer_vector(shape.size(), 1, 5)
                                      : random.uniform_vector(shape.size())}},
          .op =
              [rate](const auto& x) {
                Generator generator(12);  // the same mask in every call
                return dropout(x[0], rate, generator, true);
              },
          .y_terms = 1,
          .gradient_terms = {1}};
}

TEST_CASE("dropout: gradient") {
  check_gradients("dropout", {dropout_case({7}, 0.5), dropout_case({3, 5, 2}, 0.2)});
}

TEST_CASE("dropout: every device") {
  check_devices("dropout", {dropout_case({7}, 0.3), dropout_case({2, 3, 5, 17}, 0.1),
                            dropout_case({16387}, 0.7)});
  check_exact_on_devices("dropout", {dropout_case({5, 31}, 0.5, true)});
}

TEST_CASE("dropout: every call draws a mask of its own, from the seed alone") {
  const Tensor x = Tensor::full({64}, 1, DType::f64, Device::ref);
  const auto masks = [&](std::uint64_t seed) {
    Generator generator(seed);
    const Tensor first = dropout(x, 0.5, generator, true),
                 second = dropout(x, 0.5, generator, true);
    return std::pair{first.to_vector<double>(), second.to_vector<double>()};
  };
  CHECK(masks(1).first != masks(1).second);
  CHECK(masks(1) == masks(1));
  CHECK(masks(1).first != masks(2).first);
}

TEST_CASE("dropout: the gradient passes where the number did") {
  Generator generator(4);
  const Tensor x = Tensor::full({1000}, 1, DType::f64, Device::ref).set_requires_grad();
  const Tensor y = dropout(x, 0.25, generator, true);
  generator.uniform(10);  // what is drawn in between changes nothing
  backward(y, Tensor::full({1000}, 1, DType::f64, Device::ref));
  CHECK(x.grad().to_vector<double>() == y.to_vector<double>());
}

TEST_CASE("dropout: out of training, and at rate 0, it is x, and nothing is drawn") {
  Generator generator(4), untouched(4);
  const Tensor x = Tensor::full({3}, 2, DType::f64, Device::ref).set_requires_grad();
  CHECK(dropout(x, 0.5, generator, false).impl() == x.impl());
  CHECK(dropout(x, 0, generator, true).impl() == x.impl());
  CHECK(generator.uniform(4) == untouched.uniform(4));
}

TEST_CASE("dropout: a rate of 1") {
  EveryDevice every("dropout");
  every.run([](Device device) {
    Generator generator(4);
    const Tensor x = Tensor::full({9}, 2, DType::f32, device).set_requires_grad();
    const Tensor y = dropout(x, 1, generator, true);
    CHECK(y.to_vector<double>() == Values(9, 0));
    backward(y, Tensor::full({9}, 1, DType::f32, device));
    CHECK(x.grad().to_vector<double>() == Values(9, 0));
  });
}

TEST_CASE("dropout: empty, errors") {
  Generator generator(1);
  CHECK(dropout(zeros({0, 4}), 0.5, generator, true).shape() == Shape{0, 4});
  CHECK_ERROR(dropout(zeros({2}), 1.5, generator, true), "dropout: rate 1.5 is not within [0, 1]");
  CHECK_ERROR(dropout(zeros({2}), -0.1, generator, false),
              "dropout: rate -0.1 is not within [0, 1]");
  CHECK_ERROR(dropout(zeros({2}), std::nan(""), generator, true),
              "dropout: rate nan is not within [0, 1]");
  CHECK_ERROR(dropout(zeros({2}, DType::i32), 0.5, generator, true),
              "dropout: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
