// softmax: gradients, large inputs, any axis, devices, errors.
#include <cmath>

#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

OpCase softmax_case(const Shape& shape, int axis = -1, double scale = 2) {
  Random random(static_cast<std::uint64_t>(shape.size() + shape[axis]));
  // A sum over the axis; an exp and a difference that cancels some: a few roundings each.
  const double terms = static_cast<double>(shape[axis]) + 30;
  return {.name = concat(shape, ", axis ", axis, ", scale ", scale),
          .inputs = {{shape, random.uniform_vector(shape.size(), -scale, scale)}},
          .op = [axis](const auto& x) { return softmax(x[0], axis); },
          .y_terms = terms,
          .gradient_terms = {terms}};
}

std::vector<OpCase> small_softmax_cases() {
  return {softmax_case({2}),          softmax_case({3, 5}),           softmax_case({7, 17}),
          softmax_case({2, 31}),      softmax_case({4, 3}, 0),        softmax_case({2, 3, 4}, 1),
          softmax_case({3, 3, 3}, 0), softmax_case({2, 2, 2, 3}, -3), softmax_case({2, 5}, 1, 6)};
}

TEST_CASE("softmax: gradient") { check_gradients("softmax", small_softmax_cases()); }

TEST_CASE("softmax: every device") {
  std::vector<OpCase> cases = small_softmax_cases();
  cases.push_back(softmax_case({5, 1000}));
  cases.push_back(softmax_case({64, 33}));
  cases.push_back(softmax_case({3, 65, 17, 19}, 1));
  cases.push_back({.name = "x of 1000",  // exp(x) itself would overflow or vanish
                   .inputs = {{{2, 3}, {1000, 1001, 998.5, -1000, -1002, -1000.5}}},
                   .op = [](const auto& x) { return softmax(x[0]); },
                   .y_terms = 33,
                   .gradient_terms = {33}});
  check_devices("softmax", cases);
  check_bf16("softmax", cases, {.gradients = 2});
}

TEST_CASE("softmax: by hand") {
  EveryDevice every("softmax");
  every.run([](Device device) {
    const Tensor equal = Tensor::full({2, 4}, 7, DType::f32, device);
    const Tensor of_rows = softmax(equal), of_columns = softmax(equal, 0);
    CHECK(of_rows.to_vector<double>() == Values(8, 0.25));
    CHECK(of_columns.to_vector<double>() == Values(8, 0.5));
    // One column: probability 1, and nothing depends on x.
    const Tensor x = Tensor::from(Values{3, -5}, {2, 1}, DType::f32, device).set_requires_grad();
    const Tensor y = softmax(x);
    CHECK(y.to_vector<double>() == Values{1, 1});
    backward(y, Tensor::from(Values{2, 7}, {2, 1}, DType::f32, device));
    CHECK(x.grad().to_vector<double>() == Values{0, 0});
    // softmax(0, log 3) = (1/4, 3/4), down the columns.
    const double log3 = std::log(3.0);
    const Tensor columns = Tensor::from(Values{0, log3, log3, 0}, {2, 2}, DType::f32, device);
    check_close(softmax(columns, 0).to_vector<double>(), {0.25, 0.75, 0.75, 0.25},
                f32_sum_bound(10), "y");
  });
}

TEST_CASE("softmax: empty, errors") {
  CHECK(softmax(zeros({0, 4})).shape() == Shape{0, 4});
  CHECK(softmax(zeros({4, 0})).shape() == Shape{4, 0});
  CHECK(softmax(zeros({4, 0}), 0).shape() == Shape{4, 0});
  CHECK_ERROR(softmax(zeros({2, 3}), 2), "softmax: [2, 3] has no axis 2");
  CHECK_ERROR(softmax(zeros({})), "softmax: [] has no axis -1");
  CHECK_ERROR(softmax(zeros({2, 2}, DType::i32)), "softmax: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
