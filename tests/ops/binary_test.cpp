// add, sub, mul, div: gradients, devices, exact cases, broadcasting both ways, errors.
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;
using BinaryFunction = Tensor (*)(const Tensor&, const Tensor&);

struct Named {
  const char* name;
  BinaryFunction op;
};
const Named kOps[] = {{"add", add}, {"sub", sub}, {"mul", mul}, {"div", div}};

struct Shapes {
  Shape a, b;
};

/// How many elements of y one element of an input of this shape goes into.
double repeats(const Shape& y, const Shape& input) {
  return static_cast<double>(y.size()) / static_cast<double>(input.size());
}

Shape shape_of_sum(const Shapes& s) { return add(zeros(s.a), zeros(s.b)).shape(); }

OpCase binary_case(const Named& op, const Shapes& s) {
  Random random(static_cast<std::uint64_t>(s.a.size() * 31 + s.b.size()));
  const auto values = [&](const Shape& shape) {  // of both signs, none near 0: div
    Values v = random.uniform_vector(shape.size(), 0.5, 2);
    for (double& e : v) e = random.integer(0, 1) ? e : -e;
    return v;
  };
  const Shape y = shape_of_sum(s);
  return {.name = concat(op.name, " ", s.a, " ", s.b),
          .inputs = {{s.a, values(s.a)}, {s.b, values(s.b)}},
          .op = [f = op.op](const auto& x) { return f(x[0], x[1]); },
          .y_terms = 2,
          .gradient_terms = {repeats(y, s.a) + 2, repeats(y, s.b) + 4}};
}

std::vector<OpCase> binary_cases(const std::vector<Shapes>& shapes) {
  std::vector<OpCase> list;
  for (const Named& op : kOps) {
    for (const Shapes& s : shapes) list.push_back(binary_case(op, s));
  }
  return list;
}

/// Every way in which one side is repeated, and both.
std::vector<Shapes> small_shapes() {
  return {{{}, {}},
          {{1}, {1}},
          {{7}, {7}},
          {{2, 3}, {2, 3}},
          {{2, 3}, {3}},
          {{3}, {2, 3}},
          {{2, 3}, {2, 1}},
          {{2, 1}, {2, 3}},
          {{2, 3}, {}},
          {{}, {2, 3}},
          {{2, 1}, {1, 3}},
          {{4, 1, 3}, {2, 1}},
          {{2, 3, 5}, {3, 1}},
          {{3, 1, 2}, {2, 1, 5, 1}},
          {{1, 1}, {3}}};
}

TEST_CASE("binary: gradient") { check_gradients("binary", binary_cases(small_shapes())); }

TEST_CASE("binary: every device") {
  std::vector<Shapes> shapes = small_shapes();
  shapes.push_back({{33, 31}, {33, 31}});
  shapes.push_back({{2, 5, 7, 17}, {17}});
  shapes.push_back({{2, 5, 7, 17}, {2, 1, 1, 17}});
  shapes.push_back({{129, 1}, {65}});
  check_devices("binary", binary_cases(shapes));
  check_bf16("binary", binary_cases(shapes), {.gradients = 3});
}

TEST_CASE("binary: exact cases") {
  // Powers of two: quotients are exact as well, and their sums.
  std::vector<OpCase> exact =
      binary_cases({{{3, 7, 5}, {3, 7, 5}}, {{3, 7, 5}, {7, 1}}, {{5}, {2, 5}}});
  for (OpCase& c : exact) {
    Random random(5);
    for (Input& input : c.inputs) {
      for (double& v : input.values) v = random.integer(0, 1) ? 2 : 4;
    }
    c.inputs[1].values[0] = 8;
  }
  check_exact_on_devices("binary", exact);
}

TEST_CASE("binary: a tensor with itself gets both gradients") {
  for (const Named& op : {kOps[0], kOps[2]}) {
    const OpCase c{.name = "x with x",
                   .inputs = {{{5}, {1, 2, 3, 4, 5}}},
                   .op = [f = op.op](const auto& x) { return f(x[0], x[0]); },
                   .y_terms = 2,
                   .gradient_terms = {2}};
    check_gradients(op.name, {c});
    check_exact_on_devices(op.name, {c});
  }
}

TEST_CASE("binary: only the gradient that is wanted") {
  for (const Named& op : kOps) {
    CAPTURE(std::string(op.name));
    const Tensor x = Tensor::full({2, 3}, 4, DType::f64, Device::ref);
    const Tensor y = Tensor::full({3}, 2, DType::f64, Device::ref);
    backward(op.op(x.detached().set_requires_grad(), y), zeros({2, 3}));
    const Tensor right = y.detached().set_requires_grad();
    backward(op.op(x, right), Tensor::full({2, 3}, 1, DType::f64, Device::ref));
    const double each = Values{1, -1, 4, -1}[static_cast<std::size_t>(&op - kOps)];
    CHECK(right.grad().to_vector<double>() == Values(3, 2 * each));
    CHECK(!x.grad());
  }
}

TEST_CASE("binary: empty") {
  for (const Named& op : kOps) {
    const Tensor x = zeros({0, 3}).set_requires_grad();
    const Tensor row = Tensor::full({3}, 1, DType::f64, Device::ref).set_requires_grad();
    const Tensor y = op.op(x, row);
    CHECK(y.shape() == Shape{0, 3});
    backward(y, zeros({0, 3}));
    CHECK(x.grad().shape() == Shape{0, 3});
    CHECK(row.grad().to_vector<double>() == Values(3, 0));  // a sum of nothing
    CHECK(op.op(zeros({1, 3}), zeros({0, 1})).shape() == Shape{0, 3});
  }
}

TEST_CASE("binary: errors") {
  const Tensor x = zeros({2, 3});
  CHECK_ERROR(add(x, zeros({3, 2})),
              "add: [2, 3] and [3, 2] do not fit: extents must be equal or 1");
  CHECK_ERROR(mul(x, zeros({2, 2, 4})),
              "mul: [2, 3] and [2, 2, 4] do not fit: extents must be equal or 1");
  CHECK_ERROR(sub(x, zeros({2, 3}, DType::f32)), "sub: the second input is f32, the input f64");
  CHECK_ERROR(div(x, zeros({2, 3}, DType::f64, Device::cpu)),
              "div: the second input is on cpu, the input on ref");
  CHECK_ERROR(add(zeros({2}, DType::i32), zeros({2}, DType::i32)),
              "add: needs a float tensor, got i32");
  for (const Named& op : kOps) {
    CHECK_ERROR(op.op(Tensor{}, x), "tensor: used before it was given a value");
    CHECK_ERROR(op.op(x, Tensor{}), "tensor: used before it was given a value");
  }
  // Nine dimensions, none of which can be joined to the next.
  std::vector<std::int64_t> left, right;
  for (int k = 0; k < 9; ++k) {
    left.push_back(k % 2 ? 2 : 1);
    right.push_back(k % 2 ? 1 : 2);
  }
  CHECK_THROWS_AS(add(zeros(Shape(left)), zeros(Shape(right))), Error);
}

}  // namespace
}  // namespace tl::test
