// Hooks on tensors: when they are called, with what, and what they may change.
#include "engine/ops.h"
#include "tests/engine/leaf.h"
#include "tests/support/gradcheck.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// A hook that writes down what it is given.
GradientHook keep(std::vector<Values>& seen) {
  return [&seen](const Tensor& gradient) {
    seen.push_back(gradient.to_vector<double>());
    return Tensor{};
  };
}

TEST_CASE("hooks: a leaf's hook sees the whole gradient of each pass, once") {
  const Tensor x = leaf({1, 2});
  std::vector<Values> seen;
  register_hook(x, keep(seen));
  for (int pass = 0; pass < 2; ++pass) {
    Tensor y = add(x, x);  // 2x, at several depths: 3x, 6x, 7x
    y = add(y, x);
    y = add(add(y, y), x);
    backward(y, constant({1, 10}));
  }
  CHECK(seen == std::vector<Values>{{7, 70}, {7, 70}});
  CHECK(x.grad().to_vector<double>() == Values{14, 140});
}

TEST_CASE("hooks: an inner tensor's hook sees its gradient when it is complete") {
  const Tensor x = leaf({1, -2});
  const Tensor middle = scale(x, 3);
  std::vector<Values> of_middle, of_result;
  register_hook(middle, keep(of_middle));
  const Tensor y = add(relu(middle), add(middle, middle));
  register_hook(y, keep(of_result));
  backward(y, constant({5, 7}));
  CHECK(of_result == std::vector<Values>{{5, 7}});
  CHECK(of_middle == std::vector<Values>{{15, 14}});
  CHECK(x.grad().to_vector<double>() == Values{45, 42});
}

TEST_CASE("hooks: what they return goes on instead, one after the other") {
  const Tensor x = leaf({1, 2}), z = leaf({1, 2});
  const Tensor inner = scale(x, 3);
  register_hook(inner, [](const Tensor& g) { return scale(g, 10); });
  register_hook(inner, [](const Tensor& g) { return scale(g, 1, 1); });
  register_hook(z, [](const Tensor& g) { return scale(g, -1); });
  backward(add(inner, z), constant({1, 2}));
  CHECK(x.grad().to_vector<double>() == Values{33, 63});
  CHECK(z.grad().to_vector<double>() == Values{-1, -2});
}

TEST_CASE("hooks: the total of a leaf is replaced, not its parts, and is added to what is there") {
  const Tensor x = leaf({1});
  register_hook(x, [](const Tensor& g) { return clamp(g, -1, 1); });
  for (int pass = 1; pass <= 3; ++pass) {
    backward(add(scale(x, 5), scale(x, -4.5)), constant({1}));
    CHECK(x.grad().to_vector<double>() == Values{0.5 * pass});
  }
}

TEST_CASE("hooks: a gradient that a hook kept is not changed by the rest of the pass") {
  const Tensor x = leaf({1});
  const Tensor inner = scale(x, 1);
  Tensor kept, own = constant({100});
  register_hook(inner, [&](const Tensor& g) { return kept = g, Tensor{}; });
  register_hook(x, [&](const Tensor&) { return own; });
  backward(add(inner, x), constant({3}));
  backward(scale(x, 1), constant({3}));
  CHECK(kept.to_vector<double>() == Values{3});
  CHECK(own.to_vector<double>() == Values{100});
  CHECK(x.grad().to_vector<double>() == Values{200});
}

TEST_CASE("hooks: a leaf as the root of a pass") {
  const Tensor x = leaf({1});
  std::vector<Values> seen;
  register_hook(x, keep(seen));
  backward(x, constant({6}));
  CHECK(seen == std::vector<Values>{{6}});
  CHECK(x.grad().to_vector<double>() == Values{6});
}

TEST_CASE("hooks: leaves' hooks run after all others; nothing is recorded in one") {
  const Tensor x = leaf({1});
  std::string order;
  const Tensor first = scale(x, 2), second = scale(first, 2);
  register_hook(x, [&](const Tensor& g) {
    order += "x";
    CHECK(!scale(x, 2).requires_grad());
    CHECK(!g.requires_grad());
    return Tensor{};
  });
  register_hook(first, [&](const Tensor&) { return order += "1", Tensor{}; });
  register_hook(second, [&](const Tensor&) { return order += "2", Tensor{}; });
  backward(add(second, x), constant({1}));
  CHECK(order == "21x");
}

TEST_CASE("hooks: a hook may clear the list it stands in; cleared hooks are not called") {
  const Tensor x = leaf({1});
  int calls = 0;
  register_hook(x, [&](const Tensor&) {
    clear_hooks(x);
    ++calls;
    return Tensor{};
  });
  backward(scale(x, 2), constant({1}));
  backward(scale(x, 2), constant({1}));
  CHECK(calls == 1);
  CHECK(x.grad().to_vector<double>() == Values{4});
}

TEST_CASE("hooks: of a tensor that no longer wants a gradient they can be cleared") {
  const Tensor x = leaf({1});
  std::vector<Values> seen;
  register_hook(x, keep(seen));
  x.set_requires_grad(false);
  clear_hooks(x);
  x.set_requires_grad();
  backward(x);
  CHECK(seen.empty());
}

TEST_CASE("hooks: errors") {
  const auto hook = [](const Tensor&) { return constant({1, 2}); };
  CHECK_ERROR(register_hook(constant({1}), hook), "hook: the tensor needs no gradient");
  CHECK_ERROR(register_hook(Tensor{}, hook), "tensor: used before it was given a value");

  const Tensor x = leaf({1});
  const Tensor y = scale(x, 2);
  register_hook(y, hook);
  CHECK_ERROR(backward(y, constant({1})),
              "backward: a hook on scale was given [1] f64 on ref and returned [2] f64 on ref");
  register_hook(x, [](const Tensor&) { return zeros({1}, DType::f32); });
  CHECK_ERROR(backward(scale(x, 2), constant({1})),
              "backward: a hook on a leaf was given [1] f64 on ref and returned [1] f32 on ref");
  CHECK(!x.grad());
}

}  // namespace
}  // namespace tl::test
