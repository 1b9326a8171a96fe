// conv2d: gradients, devices, which gradients are computed, errors.
#include "engine/ops/problems.h"
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

struct Sizes {
  Shape x, w;
  Conv2dOptions options;
  bool bias = false;
};

OpCase conv_case(const Sizes& s, bool integers = false) {
  Random random(static_cast<std::uint64_t>(s.x.size() * 31 + s.w.size()));
  const auto input = [&](const Shape& shape) {
    return Input{shape, integers ? random.integer_vector(shape.size(), -2, 3)
                                 : random.uniform_vector(shape.size())};
  };
  // A sum in y and dx runs over a filter's taps; one in dw over all positions of all pictures.
  const double taps = static_cast<double>(s.w.size() / s.w[0]);
  const double dx_taps = static_cast<double>(s.w.size() / s.w[3] / s.options.groups);
  const Conv2dProblem p = conv2d_problem("conv2d", s.x, s.w, s.options, DType::f32);
  const double positions = static_cast<double>(p.n * p.out_h() * p.out_w());
  OpCase c{.name = concat("x ", s.x, ", filter ", s.w, ", stride ", s.options.stride, ", pad ",
                          s.options.pad, ", dilation ", s.options.dilation, ", groups ",
                          s.options.groups, s.bias ? ", bias" : ""),
           .inputs = {input(s.x), input(s.w)},
           .op = [o = s.options, bias = s.bias](
                     const auto& x) { return conv2d(x[0], x[1], bias ? x[2] : Tensor{}, o); },
           .y_terms = taps + 1,
           .gradient_terms = {dx_taps, positions},
           .first_parameter = 2};  // the bias
  if (s.bias) {
    c.inputs.push_back(input({s.w[0]}));
    c.gradient_terms.push_back(positions);
  }
  // Winograd variants round more than a direct sum of few terms (kernels/conv2d.h).
  if (s.w[1] == 3 && s.w[2] == 3) {
    c.y_terms = std::max(c.y_terms, 60.0);
    for (double& terms : c.gradient_terms) terms = std::max(terms, 60.0);
  }
  return c;
}

std::vector<OpCase> small_conv2d_cases() {
  return {
      conv_case({{1, 1, 1, 1}, {1, 1, 1, 1}, {}}),
      conv_case({{2, 5, 4, 3}, {4, 3, 3, 3}, {.pad = 1}, true}),
      conv_case({{1, 7, 5, 2}, {3, 3, 3, 2}, {.stride = 2, .pad = 1}}),
      conv_case({{2, 3, 3, 3}, {3, 3, 3, 3}, {.pad = 1}}),  // all extents alike
      conv_case({{1, 6, 7, 2}, {2, 1, 1, 2}, {.stride = 2}, true}),
      conv_case({{1, 9, 8, 1}, {2, 7, 7, 1}, {.stride = 2, .pad = 3}}),
      conv_case({{1, 7, 6, 2}, {2, 3, 2, 2}, {.pad = 2, .dilation = 2}}),
      conv_case({{1, 5, 4, 6}, {4, 3, 3, 3}, {.pad = 1, .groups = 2}, true}),
      conv_case({{2, 4, 5, 3}, {3, 3, 3, 1}, {.pad = 1, .groups = 3}}),
      conv_case({{1, 2, 3, 2}, {2, 2, 3, 2}, {}}),  // one output per picture
      conv_case({{2, 7, 9, 4},
                 {6, 2, 3, 2},
                 {.stride = {2, 3}, .pad = {1, 2}, .dilation = {3, 2}, .groups = 2},
                 true}),
  };
}

/// As mixed precision computes it: an f32 filter, whose bf16 copy the kernels are handed.
OpCase mixed_case(const Sizes& s) {
  OpCase c = conv_case(s);
  c.name += ", mixed";
  c.first_parameter = 1;
  c.op = [o = s.options, bias = s.bias](const std::vector<Tensor>& x) {
    const bool is_mixed = x[0].dtype() == DType::bf16;
    const Tensor copy = is_mixed ? cast(x[1].detached(), DType::bf16) : Tensor{};
    return conv2d(x[0], x[1], bias ? x[2] : Tensor{}, o, copy);
  };
  return c;
}

TEST_CASE("conv2d: bf16 on every device") {
  check_bf16("conv2d", small_conv2d_cases());
  check_bf16("conv2d", {mixed_case({{2, 5, 4, 3}, {4, 3, 3, 3}, {.pad = 1}, true}),
                        mixed_case({{2, 9, 8, 17}, {9, 1, 1, 17}, {.stride = 2}}),
                        mixed_case({{1, 5, 4, 6}, {4, 3, 3, 3}, {.pad = 1, .groups = 2}, true})});
}

TEST_CASE("conv2d: what mixed precision needs") {
  const auto of = [](const Shape& shape, DType dtype) {
    return Tensor::zeros(shape, dtype, Device::ref);
  };
  const Tensor x = of({1, 3, 3, 2}, DType::bf16), w = of({4, 1, 1, 2}, DType::f32);
  const Tensor copy = of({4, 1, 1, 2}, DType::bf16);
  CHECK(conv2d(x, w, {}, {}, copy).dtype() == DType::bf16);
  CHECK_ERROR(conv2d(x, w, {}, {}),
              "conv2d: the input is bf16, the filter f32: its copy in bf16 must be given as well");
  CHECK_ERROR(conv2d(of({1, 3, 3, 2}, DType::f32), w, {}, {}, copy),
              "conv2d: a bf16 copy of the filter needs a bf16 input, got f32");
  CHECK_ERROR(conv2d(x, copy, {}, {}, copy),
              "conv2d: the filter is bf16, beside an input in bf16 it must be f32");
  CHECK_ERROR(conv2d(x, w, {}, {}, of({4, 1, 2, 1}, DType::bf16)),
              "conv2d: the copy of the filter must have shape [4, 1, 1, 2], got [4, 1, 2, 1]");
  CHECK_ERROR(conv2d(x, w, of({4}, DType::bf16), {}, copy),
              "conv2d: bias is bf16, beside an input in bf16 it must be f32");
}

TEST_CASE("conv2d: gradient") { check_gradients("conv2d", small_conv2d_cases()); }

/// x is read by a newer op, too: dx is added to what that one has given.
std::vector<OpCase> cases_with_another_reader() {
  std::vector<OpCase> list = {conv_case({{2, 5, 4, 3}, {3, 3, 3, 3}, {.pad = 1}}),
                              conv_case({{1, 5, 3, 64}, {64, 1, 1, 64}, {}})};
  for (OpCase& c : list) {
    c.name += ", x read twice";
    c.op = [op = c.op](const std::vector<Tensor>& x) {
      const Tensor read = scale(x[0], 0.5);
      const Tensor y = op({read, x[1]});
      return add(y, mul(read, read));
    };
  }
  return list;
}

TEST_CASE("conv2d: gradient on top of another's") {
  check_gradients("conv2d", cases_with_another_reader());
  check_devices("conv2d", cases_with_another_reader());
}

/// Everything different in h and w and drawn at random; every third case depthwise.
std::vector<Sizes> random_sizes(int count) {
  Random random(31);
  std::vector<Sizes> list;
  while (static_cast<int>(list.size()) < count) {
    const auto pair = [&](std::int64_t low, std::int64_t high) {
      const std::int64_t h = random.integer(low, high);
      return Extent2{h, random.integer(low, high)};
    };
    const bool depthwise = list.size() % 3 == 0;
    const std::int64_t groups = depthwise ? random.integer(1, 20) : random.integer(1, 3);
    const std::int64_t group_in = depthwise ? 1 : random.integer(1, 9);
    const std::int64_t group_out = random.integer(1, depthwise ? 2 : 9);
    const Extent2 kernel = pair(1, 4), size = pair(1, 13);
    const Conv2dOptions o{
        .stride = pair(1, 3), .pad = pair(0, 3), .dilation = pair(1, 3), .groups = groups};
    if (size.h + 2 * o.pad.h < o.dilation.h * (kernel.h - 1) + 1) continue;
    if (size.w + 2 * o.pad.w < o.dilation.w * (kernel.w - 1) + 1) continue;
    // Where only padding is seen, y is 0, and a comparison would say nothing.
    if (size.h <= o.dilation.h || size.w <= o.dilation.w) continue;
    list.push_back({{random.integer(1, 2), size.h, size.w, groups * group_in},
                    {groups * group_out, kernel.h, kernel.w, group_in},
                    o,
                    // The relative error of a sum is bounded only over several of them.
                    groups * group_out >= 4 && random.integer(0, 1) == 1});
  }
  return list;
}

TEST_CASE("conv2d: every device") {
  std::vector<OpCase> cases = small_conv2d_cases();
  cases.push_back(conv_case({{2, 14, 13, 17}, {33, 3, 3, 17}, {.pad = 1}}));
  cases.push_back(conv_case({{1, 29, 31, 3}, {64, 7, 7, 3}, {.stride = 2, .pad = 3}}));
  cases.push_back(conv_case({{3, 7, 7, 64}, {48, 1, 1, 64}, {}, true}));
  cases.push_back(conv_case({{1, 15, 15, 32}, {32, 3, 3, 32}, {.stride = 2, .pad = 1}}));
  cases.push_back(conv_case({{2, 8, 9, 16}, {24, 1, 1, 16}, {.stride = 2}}));
  for (const Sizes& sizes : random_sizes(50)) cases.push_back(conv_case(sizes));
  check_devices("conv2d", cases);
  check_exact_on_devices(
      "conv2d", {conv_case({{2, 9, 7, 5}, {6, 3, 3, 5}, {.stride = 2, .pad = 1}, true}, true),
                 conv_case({{1, 6, 5, 17}, {19, 1, 1, 17}, {}}, true)});
}

TEST_CASE("conv2d: no pictures") {
  const Tensor x = zeros({0, 5, 5, 2}).set_requires_grad();
  const Tensor w = zeros({3, 3, 3, 2}).set_requires_grad();
  const Tensor y = conv2d(x, w, {}, {});
  CHECK(y.shape() == Shape{0, 3, 3, 3});
  backward(y, zeros({0, 3, 3, 3}));
  CHECK(x.grad().shape() == Shape{0, 5, 5, 2});
  CHECK(w.grad().to_vector<double>() == std::vector<double>(54, 0));
}

TEST_CASE("conv2d: only the gradients that are wanted are computed") {
  for (int wanted = 1; wanted < 8; ++wanted) {
    const bool dx = wanted & 1, dw = wanted & 2, db = wanted & 4;
    INFO("dx ", dx, ", dw ", dw, ", db ", db);
    const Tensor x = zeros({1, 4, 4, 2}).set_requires_grad(dx);
    const Tensor w = zeros({3, 3, 3, 2}).set_requires_grad(dw);
    const Tensor b = zeros({3}).set_requires_grad(db);
    const Tensor y = conv2d(x, w, b, {});
    Backend lean = backend(Device::ref);
    if (!dx) lean.conv2d.backward_data = Conv2dKernels{}.backward_data;
    if (!dw) lean.conv2d.backward_weight = Conv2dKernels{}.backward_weight;
    if (!db) lean.reduce = {};
    ScopedBackend scoped(Device::ref, lean);
    backward(y, zeros(y.shape()));
    CHECK(static_cast<bool>(x.grad()) == dx);
    CHECK(static_cast<bool>(w.grad()) == dw);
    CHECK(static_cast<bool>(b.grad()) == db);
  }
}

TEST_CASE("conv2d: a kernel that a backend lacks is named") {
  const Tensor x = zeros({1, 4, 4, 2}), w = zeros({3, 3, 3, 2}).set_requires_grad();
  const Tensor y = conv2d(x, w, {}, {});
  Backend lean = backend(Device::ref);
  lean.conv2d = {};
  ScopedBackend scoped(Device::ref, lean);
  CHECK_THROWS_WITH_AS(conv2d(x, w, {}, {}),
                       "conv2d.forward: this backend has no kernel for it: x [1, 4, 4, 2] f64, "
                       "filter [3, 3, 3, 2] f64, stride 1x1, pad 0x0",
                       Error);
  CHECK_THROWS_WITH_AS(
      backward(y, zeros(y.shape())),
      doctest::Contains("conv2d.backward_weight: this backend has no kernel for it"), Error);
}

TEST_CASE("conv2d: x and the weight are kept only for the gradients that need them") {
  for (int wanted = 0; wanted < 4; ++wanted) {
    const bool dx = wanted & 1, dw = wanted & 2;
    INFO("dx ", dx, ", dw ", dw);
    // Sums: the tape holds the ops that made them, not the tensors themselves.
    const Tensor x0 = zeros({1, 4, 4, 2}).set_requires_grad(dx), x = add(x0, x0);
    const Tensor w0 = zeros({3, 3, 3, 2}).set_requires_grad(dw), w = add(w0, w0);
    const Tensor bias = zeros({3}).set_requires_grad();
    const Tensor y = conv2d(x, w, bias, {});
    CHECK(x.shares_storage() == dw);
    CHECK(w.shares_storage() == dx);
  }
}

TEST_CASE("conv2d: errors") {
  const Tensor x = zeros({1, 5, 5, 4}), w = zeros({6, 3, 3, 4});
  CHECK_ERROR(conv2d(zeros({5, 5, 4}), w, {}, {}),
              "conv2d: needs x [n, h, w, c_in] and filter [c_out, kh, kw, c_in / groups], got "
              "[5, 5, 4] and [6, 3, 3, 4]");
  CHECK_ERROR(conv2d(x, zeros({6, 3, 3, 3}), {}, {}),
              "conv2d: filter [6, 3, 3, 3] does not fit 4 input channels in 1 groups");
  CHECK_ERROR(conv2d(x, w, {}, {.groups = 2}),
              "conv2d: filter [6, 3, 3, 4] does not fit 4 input channels in 2 groups");
  CHECK_ERROR(conv2d(x, w, {}, {.stride = 0}),
              "conv2d: stride 0, pad 0, dilation 1, groups 1: must be at least 1 (pad: 0)");
  CHECK_ERROR(conv2d(x, w, {}, {.pad = -1}),
              "conv2d: stride 1, pad -1, dilation 1, groups 1: must be at least 1 (pad: 0)");
  CHECK_ERROR(conv2d(x, w, {}, {.stride = {1, 2}, .dilation = {1, 0}}),
              "conv2d: stride 1x2, pad 0, dilation 1x0, groups 1: must be at least 1 (pad: 0)");
  const std::int64_t large = std::int64_t{1} << 62;  // 2 * pad and dilation * 2 would overflow
  for (const Conv2dOptions& o : {Conv2dOptions{.stride = large}, Conv2dOptions{.pad = {1, large}},
                                 Conv2dOptions{.dilation = large}}) {
    CHECK_ERROR(conv2d(x, w, {}, o),
                "conv2d: 4611686018427387904 is more than an extent or option may be, 2^31 - 1");
  }
  CHECK_ERROR(conv2d(x, w, {}, {.pad = INT32_MAX}),
              "shape [1, 4294967297, 4294967297, 6]: more elements than can be counted");
  CHECK_ERROR(conv2d(zeros({1, 2, 5, 4}), w, {}, {}),
              "conv2d: x [1, 2, 5, 4] with pad 0 is smaller than the filter [6, 3, 3, 4]");
  CHECK_ERROR(conv2d(x, zeros({6, 0, 3, 4}), {}, {}),
              "conv2d: filter [6, 0, 3, 4] has no elements");
  CHECK_ERROR(conv2d(x, zeros({6, 3, 3, 4}, DType::f32), {}, {}),
              "conv2d: the filter is f32, the input f64");
  CHECK_ERROR(conv2d(x, zeros({6, 3, 3, 4}, DType::f64, Device::cpu), {}, {}),
              "conv2d: the filter is on cpu, the input on ref");
  CHECK_ERROR(conv2d(x, w, zeros({4}), {}), "conv2d: bias must have shape [6], got [4]");
  CHECK_ERROR(conv2d(zeros({1, 5, 5, 4}, DType::u8), w, {}, {}),
              "conv2d: needs a float tensor, got u8");
}

}  // namespace
}  // namespace tl::test
