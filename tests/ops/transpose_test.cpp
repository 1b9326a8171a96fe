// transpose: what goes where, gradients, devices, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

OpCase transpose_case(const Shape& shape, const std::vector<int>& order) {
  Random random(3);
  std::string name = concat(shape, " in order");
  for (const int axis : order) name += concat(" ", axis);
  return {.name = std::move(name),
          .inputs = {{shape, random.integer_vector(shape.size(), 1, 99)}},
          .op = [order](const auto& x) { return transpose(x[0], order); },
          .y_terms = 1,
          .gradient_terms = {1}};
}

std::vector<OpCase> transpose_cases() {
  return {transpose_case({}, {}),
          transpose_case({7}, {0}),
          transpose_case({3, 5}, {1, 0}),
          transpose_case({3, 5}, {0, 1}),
          transpose_case({2, 3, 4}, {1, 2, 0}),
          transpose_case({2, 3, 4}, {-1, 0, -2}),
          transpose_case({2, 1, 3, 1, 2}, {4, 1, 0, 3, 2}),
          transpose_case({2, 3, 2, 2, 3, 2}, {5, 3, 1, 4, 2, 0})};
}

TEST_CASE("transpose: gradient") { check_gradients("transpose", transpose_cases()); }

TEST_CASE("transpose: every device, exactly") {
  std::vector<OpCase> all = transpose_cases();
  all.push_back(transpose_case({2, 3, 17, 19}, {0, 2, 3, 1}));
  all.push_back(transpose_case({2, 17, 19, 3}, {0, 3, 1, 2}));
  all.push_back(transpose_case({65, 130}, {1, 0}));
  all.push_back(transpose_case({17, 17, 17}, {2, 0, 1}));
  check_exact_on_devices("transpose", all);
}

TEST_CASE("transpose: dimension i of the result is dimension order[i] of x") {
  EveryDevice every("transpose");
  every.run([](Device device) {
    Values x(24);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
    for (const DType dtype : {DType::f32, DType::i32, DType::u8}) {
      const Tensor y = transpose(Tensor::from(x, {2, 3, 4}, dtype, device), {2, 0, 1});
      CHECK(y.dtype() == dtype);
      CHECK(y.shape() == Shape{4, 2, 3});
      // y[a, b, c] = x[b, c, a] = 12 b + 4 c + a
      CHECK(y.to_vector<double>() == Values{0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                                            2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23});
    }
  });
}

TEST_CASE("transpose: any rank whose dimensions merge") {
  // Nine dimensions of 2, the first three moved to the end in their order.
  const Shape shape(std::vector<std::int64_t>(9, 2));
  const Tensor x = Tensor::from(Random(1).uniform_vector(512), shape, DType::f64, Device::ref);
  const Tensor y = transpose(x, {3, 4, 5, 6, 7, 8, 0, 1, 2});
  const Tensor expected = transpose(reshape(x, {8, 64}), {1, 0});
  CHECK(y.shape() == shape);
  CHECK(y.to_vector<double>() == expected.to_vector<double>());
}

TEST_CASE("transpose: the numbers are a copy") {
  const Tensor x = zeros({2, 2});
  const Tensor y = transpose(x, {0, 1});
  y.copy_from(Tensor::full({2, 2}, 5, DType::f64, Device::ref));
  CHECK(x.to_vector<double>() == Values(4, 0));
}

TEST_CASE("transpose: empty, errors") {
  CHECK(transpose(zeros({3, 0, 2}), {2, 1, 0}).shape() == Shape{2, 0, 3});
  const Tensor x = zeros({2, 3, 4});
  CHECK_ERROR(transpose(x, {0, 1}), "transpose: the order names 2 axes of [2, 3, 4]");
  CHECK_ERROR(transpose(x, {0, 1, 1}), "transpose: the order names axis 1 of [2, 3, 4] twice");
  CHECK_ERROR(transpose(x, {0, 1, -2}), "transpose: the order names axis -2 of [2, 3, 4] twice");
  CHECK_ERROR(transpose(x, {0, 1, 3}), "transpose: [2, 3, 4] has no axis 3");
  CHECK_ERROR(transpose(x, {0, 1, -4}), "transpose: [2, 3, 4] has no axis -4");
  CHECK_ERROR(transpose(zeros({2, 2, 2, 2, 2, 2, 2}), {6, 5, 4, 3, 2, 1, 0}),
              "transpose: more than 6 dimensions that cannot be merged");
}

}  // namespace
}  // namespace tl::test
