// slice: which positions, gradients, devices, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

OpCase slice_case(const Shape& shape, int axis, std::int64_t begin, std::int64_t end,
                  std::int64_t step = 1) {
  Random random(3);
  return {.name = concat(shape, ", axis ", axis, ", ", begin, " to ", end, " by ", step),
          .inputs = {{shape, random.integer_vector(shape.size(), 1, 99)}},
          .op = [=](const auto& x) { return slice(x[0], axis, begin, end, step); },
          .y_terms = 1,
          .gradient_terms = {1}};
}

std::vector<OpCase> slice_cases() {
  return {slice_case({7}, 0, 0, 7),
          slice_case({7}, 0, 2, 5),
          slice_case({7}, 0, 1, 7, 3),
          slice_case({7}, 0, 6, 7, 100),
          slice_case({3, 5}, 1, 1, 4),
          slice_case({3, 5}, -1, 0, 5, 2),
          slice_case({4, 3, 5}, 0, 1, 3),
          slice_case({2, 5, 3}, 1, 1, 5, 3),
          slice_case({2, 3, 2, 4, 1, 3}, 3, 1, 3)};
}

TEST_CASE("slice: gradient") { check_gradients("slice", slice_cases()); }

TEST_CASE("slice: every device, exactly") {
  std::vector<OpCase> all = slice_cases();
  all.push_back(slice_case({3, 17, 19, 65}, 3, 3, 40));
  all.push_back(slice_case({3, 130, 67}, 1, 5, 129, 7));
  all.push_back(slice_case({17, 17, 17}, 2, 0, 17, 16));
  check_exact_on_devices("slice", all);
}

TEST_CASE("slice: begin, begin + step, ... below end, any dtype") {
  EveryDevice every("slice");
  every.run([](Device device) {
    for (const DType dtype : {DType::f32, DType::i32, DType::u8}) {
      const Tensor x = Tensor::from(Values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {2, 5}, dtype, device);
      const Tensor y = slice(x, 1, 1, 5, 2);
      CHECK(y.dtype() == dtype);
      CHECK(y.shape() == Shape{2, 2});
      CHECK(y.to_vector<double>() == Values{1, 3, 6, 8});
      CHECK(slice(x, 1, 0, 5, 2).to_vector<double>() == Values{0, 2, 4, 5, 7, 9});
      CHECK(slice(x, 1, 0, 4, 2).to_vector<double>() == Values{0, 2, 5, 7});
      CHECK(slice(x, 0, 1, 2).to_vector<double>() == Values{5, 6, 7, 8, 9});
      CHECK(slice(x, 1, 4, 5, INT64_MAX).to_vector<double>() == Values{4, 9});
    }
  });
}

TEST_CASE("slice: what was not taken has no gradient") {
  EveryDevice every("slice");
  every.run([](Device device) {
    const Tensor x = zeros({2, 4}, DType::f32, device).set_requires_grad();
    backward(slice(x, 1, 1, 4, 2), Tensor::from(Values{1, 2, 3, 4}, {2, 2}, DType::f32, device));
    CHECK(x.grad().to_vector<double>() == Values{0, 1, 0, 2, 0, 3, 0, 4});
  });
}

TEST_CASE("slice: the numbers are a copy") {
  const Tensor x = zeros({4, 2});
  slice(x, 0, 0, 2).copy_from(Tensor::full({2, 2}, 5, DType::f64, Device::ref));
  CHECK(x.to_vector<double>() == Values(8, 0));
}

TEST_CASE("slice: empty, errors") {
  const Tensor x = zeros({3, 5}).set_requires_grad();
  const Tensor none = slice(x, 1, 2, 2);
  CHECK(none.shape() == Shape{3, 0});
  backward(none, zeros({3, 0}));
  CHECK(x.grad().to_vector<double>() == Values(15, 0));
  CHECK(slice(zeros({0, 5}), 1, 1, 3).shape() == Shape{0, 2});
  CHECK(slice(zeros({0}), 0, 0, 0).shape() == Shape{0});
  CHECK_ERROR(slice(x, 1, 2, 6), "slice: [2, 6) is not within axis 1 of [3, 5]");
  CHECK_ERROR(slice(x, -2, -1, 2), "slice: [-1, 2) is not within axis -2 of [3, 5]");
  CHECK_ERROR(slice(x, 0, 2, 1), "slice: [2, 1) is not within axis 0 of [3, 5]");
  CHECK_ERROR(slice(x, 0, 0, 1, 0), "slice: needs a step of 1 or more, got 0");
  CHECK_ERROR(slice(x, 2, 0, 1), "slice: [3, 5] has no axis 2");
  CHECK_ERROR(slice(zeros({}), 0, 0, 1), "slice: [] has no axis 0");
}

}  // namespace
}  // namespace tl::test
