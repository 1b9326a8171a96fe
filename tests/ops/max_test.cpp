// max, min, argmax: gradients, devices, ties, NaN, any axes, errors.
#include <limits>
#include <numeric>

#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;
using Axes = std::vector<int>;

/// All different by steps far larger than that of a numeric gradient, in random order.
Values distinct_values(std::int64_t size) {
  Random random(static_cast<std::uint64_t>(size));
  Values values;
  for (std::int64_t i = 0; i < size; ++i)
    values.push_back((static_cast<double>(i - size / 2) + 0.5) / 64);
  for (std::int64_t i = size; i > 1; --i) {
    std::swap(values[static_cast<std::size_t>(i - 1)],
              values[static_cast<std::size_t>(random.integer(0, i - 1))]);
  }
  return values;
}

struct MaxReduction {
  Shape shape;
  Axes axes;
  bool keepdim;
};

std::vector<OpCase> max_cases(const std::vector<MaxReduction>& reductions) {
  std::vector<OpCase> list;
  for (const auto& op : {max, min}) {
    for (const MaxReduction& r : reductions) {
      list.push_back({.name = concat(op == max ? "max " : "min ", r.shape, " along ", r.axes.size(),
                                     r.keepdim ? " axes, kept" : " axes"),
                      .inputs = {{r.shape, distinct_values(r.shape.size())}},
                      .op = [=](const auto& x) { return op(x[0], r.axes, r.keepdim); },
                      .y_terms = 1,
                      .gradient_terms = {1}});
    }
  }
  return list;
}

std::vector<MaxReduction> small_reductions() {
  return {{{}, {}, false},       {{5}, {}, false},           {{5}, {0}, true},
          {{3, 4}, {0}, false},  {{3, 4}, {-1}, true},       {{2, 3, 5}, {1}, false},
          {{2, 3, 5}, {}, true}, {{2, 3, 5}, {0, 2}, false}, {{2, 3, 2, 3}, {-1, 1}, true}};
}

TEST_CASE("max, min: gradient") { check_gradients("max", max_cases(small_reductions())); }

TEST_CASE("max, min: every device") {
  std::vector<MaxReduction> list = small_reductions();
  list.push_back({{7, 65, 31}, {1}, false});
  list.push_back({{3, 5, 7, 17}, {1, 2}, false});
  list.push_back({{20000, 3}, {0}, false});
  check_exact_on_devices("max", max_cases(list));
}

/// The gradient of y = f(x) for dy = 1, 2, 3, ...
Values gradient_of(Device device, const Shape& shape, const Values& values,
                   const std::function<Tensor(const Tensor&)>& f) {
  const Tensor x = Tensor::from(values, shape, DType::f32, device).set_requires_grad();
  const Tensor y = f(x);
  Values dy(static_cast<std::size_t>(y.size()));
  std::iota(dy.begin(), dy.end(), 1);
  backward(y, Tensor::from(dy, y.shape(), DType::f32, device));
  return x.grad().to_vector<double>();
}

TEST_CASE("max, min: of equals the first in row-major order gets the gradient, and NaN wins") {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  const Values ties = {1, 5, 5, 5, 1, 1};
  const auto whole_max = [](const Tensor& x) { return max(x); };
  const auto whole_min = [](const Tensor& x) { return min(x); };
  const auto row_max = [](const Tensor& x) { return max(x, {1}); };
  const auto outer_max = [](const Tensor& x) { return max(x, {0, 2}); };
  const struct {
    Shape shape;
    Values x;
    std::function<Tensor(const Tensor&)> op;
    Values dx;
  } cases[] = {
      {{2, 3}, ties, whole_max, {0, 1, 0, 0, 0, 0}},
      {{2, 3}, ties, whole_min, {1, 0, 0, 0, 0, 0}},
      {{2, 3}, ties, row_max, {0, 1, 0, 2, 0, 0}},
      // Axes that are not adjacent: of the equals 7 at (0, 1, 1) and (1, 1, 0) the first.
      {{2, 2, 2}, {3, 3, 0, 7, 3, 3, 7, 0}, outer_max, {1, 0, 0, 2, 0, 0, 0, 0}},
      {{4}, {inf, 2, nan, nan}, whole_max, {0, 0, 1, 0}},
      {{4}, {-inf, 2, nan, nan}, whole_min, {0, 0, 1, 0}},
      {{3}, {-inf, -inf, -inf}, whole_max, {1, 0, 0}},
  };
  EveryDevice every("max");
  every.run([&](Device device) {
    for (const auto& c : cases) {
      const Values dx = gradient_of(device, c.shape, c.x, c.op);
      CHECK(dx == c.dx);
    }
    const auto of = [&](const auto& op, const Values& values) {
      const auto size = static_cast<std::int64_t>(values.size());
      return op(Tensor::from(values, {size}, DType::f32, device)).item();
    };
    const double of_nan = of(whole_max, {inf, nan, 2}),
                 least_of_nan = of(whole_min, {-inf, nan, 2});
    const double negative = of(whole_max, {-inf, -3}), infinite = of(whole_min, {inf, inf});
    CHECK(std::isnan(of_nan));
    CHECK(std::isnan(least_of_nan));
    CHECK(negative == -3);
    CHECK(infinite == inf);
  });
}

TEST_CASE("argmax") {
  EveryDevice every("argmax");
  every.run([](Device device) {
    const double nan = std::nan("");
    const Tensor x =
        Tensor::from(Values{1, 5, 5, 7, nan, nan, -2, -3, -4}, {3, 3}, DType::f32, device);
    const Tensor along_rows = argmax(x, 1);
    CHECK(along_rows.dtype() == DType::i32);
    CHECK(along_rows.shape() == Shape{3});
    CHECK(along_rows.to_vector<std::int32_t>() == std::vector<std::int32_t>{1, 1, 0});
    CHECK(argmax(x, -2, true).shape() == Shape{1, 3});
    CHECK(argmax(x, 0).to_vector<std::int32_t>() == std::vector<std::int32_t>{1, 1, 1});

    Values large(70000, 0);
    large[65432] = 1;
    CHECK(argmax(Tensor::from(large, {70000}, DType::f32, device), 0).item() == 65432);
  });
}

TEST_CASE("max, min: without a gradient no positions are asked for") {
  static bool asked;
  Backend watched = backend(Device::ref);
  watched.reduce.run = VariantSlot<ReduceProblem, ReduceArgs>("reduce");
  watched.reduce.run.add(
      {.name = "watched",
       .supports = [](const ReduceProblem&) { return true; },
       .run = [](Stream, const ReduceProblem& p, const ReduceArgs&) { asked = p.positions; }});
  ScopedBackend scoped(Device::ref, watched);
  const Tensor x = zeros({2, 2});
  max(x);
  CHECK(!asked);
  min(x.set_requires_grad());
  CHECK(asked);
}

TEST_CASE("max, min, argmax: empty, errors") {
  CHECK(max(zeros({0, 3}), {1}).shape() == Shape{0});
  CHECK(argmax(zeros({0, 3}), 1).shape() == Shape{0});
  CHECK_ERROR(max(zeros({0, 3}), {0}), "max: [0, 3] has no elements along the axes");
  CHECK_ERROR(min(zeros({2, 0})), "min: [2, 0] has no elements along the axes");
  CHECK_ERROR(argmax(zeros({0}), 0), "argmax: [0] has no elements along the axes");
  CHECK_ERROR(max(zeros({2, 3}), {0, 0}), "max: axis 0 is named twice");
  CHECK_ERROR(argmax(zeros({2, 3}), 2), "argmax: [2, 3] has no axis 2");
  CHECK_ERROR(min(zeros({2}, DType::u8)), "min: needs a float tensor, got u8");
  CHECK_ERROR(argmax(zeros({2}, DType::i32), 0), "argmax: needs a float tensor, got i32");
  CHECK_ERROR(argmax(zeros({2}).set_requires_grad(), 0),
              "argmax: has no gradient, but an input needs one");
}

}  // namespace
}  // namespace tl::test
