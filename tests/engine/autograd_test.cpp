// The tape: accumulation, sharing, depth, errors.
#include <thread>

#include "engine/allocator.h"
#include "engine/ops.h"
#include "tests/engine/leaf.h"
#include "tests/support/gradcheck.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

Values grad_of(const Tensor& x) {
  REQUIRE(x.grad());
  return x.grad().to_vector<double>();
}

TEST_CASE("tape: diamond") {
  // y = relu(x) + relu(relu(x)): both paths meet in relu(x), which is passed once.
  const Tensor x = leaf({1, -2, 3});
  const Tensor middle = relu(x);
  backward(add(middle, relu(middle)), constant({5, 6, 7}));
  CHECK(grad_of(x) == Values{10, 0, 14});
}

TEST_CASE("tape: a leaf used at several depths") {
  const Tensor x = leaf({1, 2});
  Tensor y = add(x, x);  // 2x
  y = add(y, x);         // 3x
  y = add(y, y);         // 6x
  backward(add(y, x), constant({1, 10}));
  CHECK(grad_of(x) == Values{7, 70});
}

TEST_CASE("tape: one gradient handed to two inputs is not shared by them") {
  // add gives the same dy to both inputs. The second backward pass adds into each gradient in
  // place: if they were one array, both would be counted twice.
  const Tensor a = leaf({1, 1}), b = leaf({1, 1});
  const Tensor dy = constant({2, 3});
  backward(add(a, b), dy);
  CHECK(a.grad().readable().data != b.grad().readable().data);
  CHECK(a.grad().readable().data != dy.readable().data);
  CHECK(b.grad().readable().data != dy.readable().data);
  backward(relu(a), dy);
  CHECK(grad_of(a) == Values{4, 6});
  CHECK(grad_of(b) == Values{2, 3});
  CHECK(dy.to_vector<double>() == Values{2, 3});
}

TEST_CASE("tape: one gradient handed to two inner nodes is not shared by them") {
  // p and q get the same dy from add(p, q); q then gets more from its other use. p must not.
  const Tensor x = leaf({1}), z = leaf({1});
  const Tensor p = relu(x), q = relu(z);
  const Tensor sum = add(p, q);
  backward(add(sum, q), constant({3}));
  CHECK(grad_of(x) == Values{3});
  CHECK(grad_of(z) == Values{6});
}

TEST_CASE("tape: the cotangent a caller gives is not written to") {
  const Tensor x = leaf({1, 2}), dy = constant({1, 1});
  const Tensor y = relu(x);
  backward(add(add(y, y), y), dy);
  CHECK(dy.to_vector<double>() == Values{1, 1});
  CHECK(grad_of(x) == Values{3, 3});
  backward(x, dy);  // a leaf is its own graph
  CHECK(dy.to_vector<double>() == Values{1, 1});
  CHECK(grad_of(x) == Values{4, 4});
}

TEST_CASE("tape: a gradient that somebody kept is not changed by the next pass") {
  const Tensor x = leaf({1});
  backward(relu(x), constant({2}));
  const Tensor kept = x.grad();
  backward(relu(x), constant({2}));
  CHECK(kept.to_vector<double>() == Values{2});
  CHECK(grad_of(x) == Values{4});
}

TEST_CASE("tape: gradients of fresh forward passes add up until they are cleared") {
  const Tensor x = leaf({1, -1});
  for (int pass = 1; pass <= 3; ++pass) {
    backward(relu(x), constant({2, 2}));
    CHECK(grad_of(x) == Values{2.0 * pass, 0});
  }
  x.clear_grad();
  CHECK(!x.grad());
  backward(relu(x), constant({5, 5}));
  CHECK(grad_of(x) == Values{5, 0});
}

TEST_CASE("tape: 200,000 nodes deep, with backward and without") {
  constexpr int kDepth = 200000;
  const Tensor x = leaf({1});
  for (const bool pass : {true, false}) {
    Tensor y = relu(x);
    for (int i = 1; i < kDepth; ++i) y = i % 2 ? add(y, x) : relu(y);
    if (!pass) continue;  // only taken apart
    backward(y, constant({1}));
    CHECK(grad_of(x) == Values{1 + kDepth / 2});
  }
}

TEST_CASE("tape: a tree of 2^40 paths is passed node by node") {
  const Tensor x = leaf({1});
  Tensor y = relu(x);
  for (int i = 0; i < 40; ++i) y = add(y, y);
  backward(y, constant({1}));
  CHECK(grad_of(x) == Values{0x1p40});
}

TEST_CASE("tape: a second pass over the same ops is refused") {
  const Tensor x = leaf({1});
  const Tensor middle = relu(x), y = add(middle, middle);
  backward(y, constant({1}));
  const char* text =
      "backward: add was already passed; its saved tensors are gone. Run the forward pass again";
  CHECK_ERROR(backward(y, constant({1})), text);
  CHECK_ERROR(backward(relu(middle), constant({1})),
              "backward: relu was already passed; its saved tensors are gone. Run the forward pass "
              "again");
  CHECK(grad_of(x) == Values{2});
}

TEST_CASE("tape: backward frees what the ops saved") {
  const Tensor x = leaf(Values(1000, 1));
  const auto before = memory_stats(MemorySpace::host).current;
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = relu(y);
  backward(y, Tensor::full({1000}, 1, DType::f64, Device::ref));
  // Left: y itself and x's gradient.
  CHECK(memory_stats(MemorySpace::host).current - before <= 3 * 8192);
}

TEST_CASE("tape: nothing is recorded or kept without a need") {
  const Tensor x = constant(Values(1000, 1));
  const auto before = memory_stats(MemorySpace::host).current;
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = relu(y);
  CHECK(!y.requires_grad());
  CHECK(memory_stats(MemorySpace::host).current - before <= 2 * 8192);
  CHECK_ERROR(backward(y, constant(Values(1000, 1))),
              "backward: nothing was recorded: no input of this tensor needs a gradient");
}

TEST_CASE("tape: an overwritten saved tensor is noticed") {
  const Tensor x = leaf({1, 2});
  const Tensor y = relu(x);
  y.detached().copy_from(constant({9, 9}));
  CHECK_ERROR(backward(y, constant({1, 1})),
              "relu: a tensor that backward needs was overwritten after the forward pass");

  const Tensor w = Tensor::full({3, 2}, 1, DType::f64, Device::ref).set_requires_grad();
  const Tensor rows = Tensor::full({1, 2}, 1, DType::f64, Device::ref).set_requires_grad();
  const Tensor z = linear(rows, w, {});
  w.detached().copy_from(Tensor::full({3, 2}, 2, DType::f64, Device::ref));  // as an optimizer does
  CHECK_ERROR(backward(z, Tensor::full({1, 3}, 1, DType::f64, Device::ref)),
              "linear: a tensor that backward needs was overwritten after the forward pass");
}

TEST_CASE("tape: the result of a recorded op is not overwritten in silence") {
  const Tensor a = leaf({1, 2});
  const Tensor y = add(a, a);
  CHECK_ERROR(y.copy_from(constant({5, 5})),
              "copy_from: would overwrite the result of a recorded op");
  CHECK(y.to_vector<double>() == Values{2, 4});
  a.copy_from(constant({5, 5}));  // a leaf may be: nothing behind it takes a gradient
  CHECK(a.to_vector<double>() == Values{5, 5});
}

TEST_CASE("tape: NoGrad records nothing, nests, and ends with its scope, also by an exception") {
  const Tensor x = leaf({1});
  {
    NoGrad outer;
    { NoGrad inner; }
    CHECK(!relu(x).requires_grad());
    CHECK(!will_record({x}));
    std::thread([&] { CHECK(relu(x).requires_grad()); }).join();  // it is this thread's alone
  }
  CHECK(relu(x).requires_grad());
  try {
    NoGrad no_grad;
    throw Error("out");
  } catch (const Error&) {
  }
  CHECK(will_record({x}));
}

TEST_CASE("tape: recording works again after a backward pass that failed") {
  const Tensor x = leaf({1});
  const Tensor y = record("broken", constant({1}), {x},
                          [](const Tensor&, const Needs&) -> Gradients { throw Error("broken"); });
  CHECK_ERROR(backward(y, constant({1})), "broken");
  CHECK(relu(x).requires_grad());
}

TEST_CASE("tape: an op without a gradient refuses inputs that need one") {
  const Tensor x = leaf({1}), y = constant({1});
  CHECK_ERROR(no_gradient("argmax", y, {constant({2}), x}),
              "argmax: has no gradient, but an input needs one");
  CHECK(no_gradient("argmax", y, {constant({2}), Tensor{}}).impl() == y.impl());
  NoGrad no_grad;
  CHECK(no_gradient("argmax", y, {x}).impl() == y.impl());
}

TEST_CASE("tape: closures learn which inputs need gradients, and must give them") {
  const Tensor a = leaf({1}), b = constant({1});
  std::vector<bool> seen;
  const Tensor y = record("probe", constant({1}), {a, b, Tensor{}},
                          [&seen](const Tensor& dy, const Needs& needs) {
                            for (std::size_t i = 0; i < needs.size(); ++i) seen.push_back(needs[i]);
                            return Gradients{dy, {}, {}};
                          });
  backward(y, constant({4}));
  CHECK(seen == std::vector{true, false, false});
  CHECK(grad_of(a) == Values{4});
  CHECK(!b.grad());

  const auto giving = [&](Gradients gradients) {
    return record("probe", constant({1}), {a, b},
                  [gradients](const Tensor&, const Needs&) { return gradients; });
  };
  CHECK_ERROR(backward(giving({{}, {}}), constant({1})),
              "backward: probe gave no gradient for input 0");
  CHECK_ERROR(backward(giving({constant({1})}), constant({1})),
              "backward: probe gave 1 gradients for 2 inputs");
}

TEST_CASE("tape: an op may add its gradient to the sum of the others', in place") {
  // backward() comes to the newer op first. What `kept` shares must not be written to.
  const auto taken = [](const Tensor& a, const Tensor& x, const Tensor& kept) {
    bool was_taken = false;
    const Tensor older =
        record("older", constant({1}), {x}, [&](const Tensor&, const Needs& needs) {
          const Tensor sum = needs.take_sum(0);
          was_taken = static_cast<bool>(sum);
          if (!sum) return Gradients{constant({10})};
          sum.backend().elementwise.accumulate(sum.stream(), constant({10}).readable(),
                                               sum.writable());
          return Gradients{sum};
        });
    const Tensor newer = record("newer", constant({1}), {x}, [&](const Tensor&, const Needs&) {
      return Gradients{kept ? kept : constant({4})};
    });
    a.clear_grad();
    backward(add(older, newer), constant({1}));
    CHECK(grad_of(a) == Values{14});
    return was_taken;
  };
  const Tensor a = leaf({1}), x = relu(a);
  CHECK(taken(a, x, {}));
  const Tensor kept = constant({4}), again = relu(a);
  CHECK(!taken(a, again, kept));
  CHECK(kept.to_vector<double>() == Values{4});
  CHECK(!taken(a, a, {}));  // a leaf's gradient
}

TEST_CASE("tape: a gradient must be what its input is, and the op is named") {
  const Tensor a = leaf({1});
  // Straight into a leaf, and into an inner node, whose own op would see it only later.
  for (const Tensor& x : {a, relu(a)}) {
    const auto giving = [&](const Tensor& gradient) {
      return record("probe", constant({1}), {constant({1}), x},
                    [gradient](const Tensor&, const Needs&) {
                      return Gradients{{}, gradient};
                    });
    };
    CHECK_ERROR(backward(giving(constant({1, 2})), constant({1})),
                "backward: probe: input 1 is [1] f64 on ref, its gradient [2] f64 on ref");
    CHECK_ERROR(backward(giving(zeros({1}, DType::f32)), constant({1})),
                "backward: probe: input 1 is [1] f64 on ref, its gradient [1] f32 on ref");
    CHECK_ERROR(backward(giving(zeros({1}, DType::f64, Device::cpu)), constant({1})),
                "backward: probe: input 1 is [1] f64 on ref, its gradient [1] f64 on cpu");
    CHECK(!a.grad());
  }
}

TEST_CASE("tape: what was saved as absent stays absent") {
  CHECK_ERROR(Saved("probe", Tensor{}).get(), "tensor: used before it was given a value");
}

TEST_CASE("tape: an op may return its input as it came") {
  const Tensor x = leaf({1, 2});
  const Tensor y =
      record("identity", x, {x}, [](const Tensor& dy, const Needs&) { return Gradients{dy}; });
  CHECK(y.impl() != x.impl());
  backward(y, constant({3, 4}));
  CHECK(grad_of(x) == Values{3, 4});
}

TEST_CASE("tape: the scalar form") {
  const Tensor x = leaf({3});
  backward(relu(x));
  CHECK(grad_of(x) == Values{1});
  CHECK_ERROR(backward(relu(leaf({1, 2}))),
              "backward: the loss must have one element, got shape [2]; pass dy for other tensors");
}

TEST_CASE("tape: errors of backward") {
  const Tensor x = leaf({1, 2});
  const Tensor y = relu(x);
  CHECK_ERROR(backward(y, constant({1})), "backward: y is [2] f64 on ref, dy is [1] f64 on ref");
  CHECK_ERROR(backward(y, Tensor::zeros({2}, DType::f32, Device::ref)),
              "backward: y is [2] f64 on ref, dy is [2] f32 on ref");
  CHECK_ERROR(backward(y, Tensor::zeros({2}, DType::f64, Device::cpu)),
              "backward: y is [2] f64 on ref, dy is [2] f64 on cpu");
  CHECK_ERROR(backward(y, leaf({1, 1})), "backward: a gradient of a gradient is not supported");
  CHECK(!x.grad());
  backward(y, constant({1, 1}));  // a refused call has used nothing up
  CHECK(grad_of(x) == Values{1, 1});
}

TEST_CASE("tape: detached tensors end it") {
  const Tensor x = leaf({1, 2});
  CHECK(!relu(x).detached().requires_grad());
  backward(add(relu(x), relu(x).detached()), constant({1, 1}));
  CHECK(grad_of(x) == Values{1, 1});
}

}  // namespace
}  // namespace tl::test
