// concat: order, gradients of each part, devices, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

OpCase concat_case(const std::vector<Shape>& shapes, int axis) {
  Random random(3);
  OpCase c{.name = concat(shapes.size(), " tensors from ", shapes[0], " on, axis ", axis),
           .inputs = {},
           .op = [axis](const auto& x) { return concat(x, axis); },
           .y_terms = 1,
           .gradient_terms = {}};
  for (const Shape& shape : shapes) {
    c.inputs.push_back({shape, random.integer_vector(shape.size(), 1, 99)});
    c.gradient_terms.push_back(1);
  }
  return c;
}

std::vector<OpCase> concat_cases() {
  return {concat_case({{4}}, 0),
          concat_case({{2}, {3}, {1}}, 0),
          concat_case({{2, 3}, {2, 1}}, 1),
          concat_case({{2, 3}, {2, 1}, {2, 5}}, -1),
          concat_case({{1, 3}, {4, 3}}, 0),
          concat_case({{2, 1, 3}, {2, 4, 3}, {2, 2, 3}}, 1),
          concat_case({{2, 2, 2, 1, 2, 3}, {2, 2, 2, 4, 2, 3}}, 3)};
}

TEST_CASE("concat: gradient") { check_gradients("concat", concat_cases()); }

TEST_CASE("concat: every device, exactly") {
  std::vector<OpCase> all = concat_cases();
  all.push_back(concat_case({{3, 17, 19, 3}, {3, 17, 19, 64}}, 3));
  all.push_back(concat_case({{130, 67}, {1, 67}, {257, 67}}, 0));
  check_exact_on_devices("concat", all);
}

TEST_CASE("concat: one behind the other, any dtype") {
  EveryDevice every("concat");
  every.run([](Device device) {
    for (const DType dtype : {DType::f32, DType::i32, DType::u8}) {
      const Tensor a = Tensor::from(Values{1, 2, 3, 4}, {2, 2}, dtype, device);
      const Tensor b = Tensor::from(Values{5, 6}, {2, 1}, dtype, device);
      const Tensor y = concat({a, b, a}, 1);
      CHECK(y.dtype() == dtype);
      CHECK(y.shape() == Shape{2, 5});
      CHECK(y.to_vector<double>() == Values{1, 2, 5, 1, 2, 3, 4, 6, 3, 4});
    }
  });
}

TEST_CASE("concat: a tensor that stands in it twice gets both gradients; others none") {
  const Tensor x = zeros({2}).set_requires_grad(), frozen = zeros({1});
  backward(concat({x, frozen, x}, 0),
           Tensor::from(Values{1, 2, 9, 10, 20}, {5}, DType::f64, Device::ref));
  CHECK(x.grad().to_vector<double>() == Values{11, 22});
  CHECK(!frozen.grad());
  CHECK(!concat({frozen, frozen}, 0).requires_grad());
}

TEST_CASE("concat: empty parts, errors") {
  const Tensor x = zeros({2, 0}).set_requires_grad();
  const Tensor y = concat({x, zeros({2, 3})}, 1);
  CHECK(y.shape() == Shape{2, 3});
  backward(y, zeros({2, 3}));
  CHECK(x.grad().shape() == Shape{2, 0});
  CHECK(concat({zeros({0, 3}), zeros({0, 3})}, 0).shape() == Shape{0, 3});
  const Tensor endless = zeros({0, std::int64_t{1} << 62});
  CHECK_ERROR(concat({endless, endless, endless}, 1),
              "concat: more positions along axis 1 than can be counted");
  CHECK_ERROR(concat(std::vector<Tensor>{}, 0), "concat: needs a tensor");
  CHECK_ERROR(concat({zeros({2, 3}), zeros({2, 3})}, 2), "concat: [2, 3] has no axis 2");
  CHECK_ERROR(concat({zeros({2, 3}), zeros({2, 3}), zeros({3, 2})}, 1),
              "concat: tensor 2 is [3, 2], the first [2, 3]: only axis 1 may differ");
  CHECK_ERROR(concat({zeros({2, 3}), zeros({6})}, 1),
              "concat: tensor 1 is [6], the first [2, 3]: only axis 1 may differ");
  CHECK_ERROR(concat({zeros({2}), zeros({2}, DType::f32)}, 0),
              "concat: tensor 1 is f32, the input f64");
  CHECK_ERROR(concat({zeros({2}), zeros({2}, DType::f64, Device::cpu)}, 0),
              "concat: tensor 1 is on cpu, the input on ref");
}

}  // namespace
}  // namespace tl::test
