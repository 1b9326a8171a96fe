// pad: borders, gradients, devices, errors.
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;
using Borders = std::vector<std::int64_t>;

OpCase pad_case(const Shape& shape, const Borders& before, const Borders& after, double value = 0) {
  Random random(3);
  return {.name = concat(shape, ", value ", value),
          .inputs = {{shape, random.integer_vector(shape.size(), 1, 99)}},
          .op = [=](const auto& x) { return pad(x[0], before, after, value); },
          .y_terms = 1,
          .gradient_terms = {1}};
}

std::vector<OpCase> pad_cases() {
  return {pad_case({}, {}, {}),
          pad_case({3}, {0}, {0}),
          pad_case({3}, {2}, {1}, 7),
          pad_case({2, 3}, {1, 0}, {0, 2}),
          pad_case({2, 3, 2}, {1, 2, 0}, {0, 1, 3}, -4),
          pad_case({1, 2, 2, 1, 2, 3}, {1, 0, 1, 2, 0, 1}, {0, 1, 1, 0, 1, 1})};
}

TEST_CASE("pad: gradient") { check_gradients("pad", pad_cases()); }

TEST_CASE("pad: every device, exactly") {
  std::vector<OpCase> all = pad_cases();
  all.push_back(pad_case({3, 17, 19, 3}, {0, 3, 3, 0}, {0, 3, 3, 0}));
  all.push_back(pad_case({17, 130}, {1, 64}, {0, 1}, 2));
  check_exact_on_devices("pad", all);
}

TEST_CASE("pad: by hand, any dtype") {
  EveryDevice every("pad");
  every.run([](Device device) {
    for (const DType dtype : {DType::f32, DType::i32, DType::u8}) {
      const Tensor x = Tensor::from(Values{1, 2, 3, 4}, {2, 2}, dtype, device);
      const Tensor y = pad(x, {1, 0}, {0, 2}, 9);
      CHECK(y.dtype() == dtype);
      CHECK(y.shape() == Shape{3, 4});
      CHECK(y.to_vector<double>() == Values{9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9, 9});
    }
  });
}

TEST_CASE("pad: the border takes no gradient") {
  EveryDevice every("pad");
  every.run([](Device device) {
    const Tensor x = zeros({1, 2}, DType::f32, device).set_requires_grad();
    backward(pad(x, {1, 1}, {0, 0}),
             Tensor::from(Values{1, 2, 3, 4, 5, 6}, {2, 3}, DType::f32, device));
    CHECK(x.grad().to_vector<double>() == Values{5, 6});
  });
}

TEST_CASE("pad: empty, errors") {
  CHECK(pad(zeros({0, 3}), {0, 1}, {0, 0}).shape() == Shape{0, 4});
  const Tensor all_border = pad(zeros({0}), {1}, {2}, 5);
  CHECK(all_border.to_vector<double>() == Values(3, 5));
  const Tensor x = zeros({2, 3});
  CHECK_ERROR(pad(x, {1}, {1, 1}), "pad: [2, 3] needs 2 borders before and after, got 1 and 2");
  CHECK_ERROR(pad(x, {0, -1}, {0, 0}), "pad: a border is negative: -1 and 0 of axis 1");
  CHECK_ERROR(pad(x, {0, 0}, {INT64_MAX, 0}),
              "pad: 9223372036854775807 is more than an extent or option may be, 2^31 - 1");
  CHECK_ERROR(pad(zeros({1}, DType::u8), {1}, {0}, 256), "tensor: 256 does not fit into u8");
}

}  // namespace
}  // namespace tl::test
