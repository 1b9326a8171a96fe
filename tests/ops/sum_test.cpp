// sum, mean: gradients, devices, exact cases, any axes, errors.
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;
using Axes = std::vector<int>;

struct SumReduction {
  Shape shape;
  Axes axes;
  bool keepdim;
  Shape result;
};

std::vector<SumReduction> reductions() {
  return {{{}, {}, false, {}},
          {{5}, {}, false, {}},
          {{5}, {0}, true, {1}},
          {{3, 4}, {0}, false, {4}},
          {{3, 4}, {1}, false, {3}},
          {{3, 4}, {-1}, true, {3, 1}},
          {{3, 4}, {}, true, {1, 1}},
          {{2, 3, 5}, {1}, false, {2, 5}},
          {{2, 3, 5}, {0, 2}, false, {3}},
          {{2, 3, 5}, {2, 0}, true, {1, 3, 1}},
          {{2, 3, 5}, {0, 1}, false, {5}},
          {{2, 3, 2, 3, 2}, {0, 2, 4}, false, {3, 3}},
          {{2, 3, 2, 3, 2}, {1, -2}, true, {2, 1, 2, 1, 2}},
          {{1, 4, 1}, {0, 2}, false, {4}}};
}

/// Elements behind one element of y.
double terms_of(const SumReduction& r) {
  return static_cast<double>(r.shape.size()) / static_cast<double>(r.result.size());
}

OpCase sum_case(const SumReduction& r, bool means, bool integers = false) {
  Random random(static_cast<std::uint64_t>(r.shape.size()));
  return {.name = concat(means ? "mean " : "sum ", r.shape, " to ", r.result),
          .inputs = {{r.shape, integers ? random.integer_vector(r.shape.size(), 1, 5)
                                        : random.uniform_vector(r.shape.size(), 0.1, 1)}},
          .op =
              [=](const auto& x) {
                return means ? mean(x[0], r.axes, r.keepdim) : sum(x[0], r.axes, r.keepdim);
              },
          .y_terms = terms_of(r) + 1,
          .gradient_terms = {1}};
}

TEST_CASE("sum, mean: gradient") {
  for (const SumReduction& r : reductions()) {
    check_gradients("sum", {sum_case(r, false), sum_case(r, true)});
  }
}

TEST_CASE("sum, mean: every device") {
  std::vector<SumReduction> list = reductions();
  list.push_back({{7, 65, 31}, {1}, false, {7, 31}});
  list.push_back({{3, 5, 7, 17}, {1, 2}, false, {3, 17}});
  list.push_back({{40000, 3}, {0}, false, {3}});
  std::vector<OpCase> cases, exact;
  for (const SumReduction& r : list) {
    cases.push_back(sum_case(r, false));
    cases.push_back(sum_case(r, true));
    exact.push_back(sum_case(r, false, true));
  }
  exact.push_back(sum_case({{3, 8, 5}, {1}, false, {3, 5}}, true, true));  // eighths
  check_devices("sum", cases);
  check_bf16("sum", cases, {.y = 2, .gradients = 2});
  check_exact_on_devices("sum", exact);
}

TEST_CASE("sum, mean: shapes and values") {
  const Tensor x = Tensor::from(Values{1, 2, 3, 4, 5, 6}, {2, 3}, DType::f64, Device::ref);
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x).item() == 21);
  CHECK(mean(x, {0}).to_vector<double>() == Values{2.5, 3.5, 4.5});
  CHECK(sum(x, {1}, true).to_vector<double>() == Values{6, 15});
  for (const SumReduction& r : reductions()) {
    CAPTURE(concat(r.shape, " ", r.result));
    CHECK(sum(zeros(r.shape), r.axes, r.keepdim).shape() == r.result);
    CHECK(mean(zeros(r.shape), r.axes, r.keepdim).shape() == r.result);
  }
}

TEST_CASE("sum, mean: the input is not changed by what is done with the result") {
  // Nothing is reduced here: the result may share storage, but not the tape's saved values.
  const Tensor x = Tensor::from(Values{1, 2}, {2, 1}, DType::f64, Device::ref).set_requires_grad();
  const Tensor y = sum(x, {1});
  CHECK(y.to_vector<double>() == Values{1, 2});
  backward(y, Tensor::from(Values{3, 4}, {2}, DType::f64, Device::ref));
  CHECK(x.grad().to_vector<double>() == Values{3, 4});
}

TEST_CASE("sum, mean: empty") {
  CHECK(sum(zeros({0, 3})).item() == 0);
  CHECK(sum(zeros({0, 3}), {0}).to_vector<double>() == Values(3, 0));
  CHECK(sum(zeros({0, 3}), {1}).shape() == Shape{0});
  CHECK(std::isnan(mean(zeros({0, 3})).item()));
  const Tensor x = zeros({0, 3}).set_requires_grad();
  backward(sum(x));
  CHECK(x.grad().shape() == Shape{0, 3});
}

TEST_CASE("sum, mean: errors") {
  CHECK_ERROR(sum(zeros({2, 3}), {2}), "sum: [2, 3] has no axis 2");
  CHECK_ERROR(mean(zeros({2, 3}), {-3}), "mean: [2, 3] has no axis -3");
  CHECK_ERROR(sum(zeros({2, 3}), {1, -1}), "sum: axis -1 is named twice");
  CHECK_ERROR(sum(zeros({2}, DType::i32)), "sum: needs a float tensor, got i32");
  CHECK_ERROR(mean(Tensor{}), "tensor: used before it was given a value");
}

}  // namespace
}  // namespace tl::test
