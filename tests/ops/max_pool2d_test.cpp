// max_pool2d: gradients, ties, NaN, devices, errors.
#include <limits>

#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

/// All different, by steps far larger than that of a numeric gradient, in random order; of both
/// signs, so that padding taken for a 0 shows.
std::vector<double> without_ties(std::int64_t size, double step) {
  Random random(static_cast<std::uint64_t>(size));
  std::vector<double> values;
  for (std::int64_t i = 0; i < size; ++i) values.push_back(step * static_cast<double>(i - size));
  for (std::int64_t i = size; i > 1; --i) {
    std::swap(values[static_cast<std::size_t>(i - 1)],
              values[static_cast<std::size_t>(random.integer(0, i - 1))]);
  }
  return values;
}

OpCase max_pool_case(const Shape& shape, const MaxPool2dOptions& o, double step = 1.0 / 64) {
  return {.name = concat(shape, ", kernel ", o.kernel, ", stride ", o.stride, ", pad ", o.pad,
                         ", dilation ", o.dilation, o.ceil_mode ? ", ceil" : ""),
          .inputs = {{shape, without_ties(shape.size(), step)}},
          .op = [o](const auto& x) { return max_pool2d(x[0], o); },
          .y_terms = 1,
          .gradient_terms = {static_cast<double>(o.kernel.h * o.kernel.w)}};
}

std::vector<OpCase> max_pool_cases(double step) {
  return {max_pool_case({1, 1, 1, 1}, {.kernel = 1, .stride = 1}, step),
          max_pool_case({2, 4, 6, 3}, {.kernel = 2, .stride = 2}, step),
          max_pool_case({1, 7, 5, 2}, {.kernel = 3, .stride = 2, .pad = 1}, step),
          max_pool_case({2, 5, 5, 5}, {.kernel = 3, .stride = 1, .pad = 1}, step),
          max_pool_case({1, 9, 4, 17}, {.kernel = 3, .stride = 3}, step),
          max_pool_case({1, 5, 3, 2}, {.kernel = 2, .stride = 3, .pad = 1}, step),
          max_pool_case({1, 6, 7, 2}, {.kernel = 2, .ceil_mode = true}, step),
          max_pool_case({1, 9, 8, 3},
                        {.kernel = {3, 2},
                         .stride = {1, 3},
                         .pad = {2, 1},
                         .dilation = {2, 3},
                         .ceil_mode = true},
                        step)};
}

TEST_CASE("max_pool2d: gradient") { check_gradients("max_pool2d", max_pool_cases(1.0 / 64)); }

TEST_CASE("max_pool2d: every device") {
  check_devices("max_pool2d", max_pool_cases(1.0 / 64));
  check_bf16("max_pool2d", max_pool_cases(1.0 / 64));
  std::vector<OpCase> exact = max_pool_cases(1);
  exact.push_back(max_pool_case({2, 15, 17, 64}, {.kernel = 3, .stride = 2, .pad = 1}, 1));
  check_exact_on_devices("max_pool2d", exact);
}

TEST_CASE("max_pool2d: of equal elements the first gets the gradient; NaN counts as largest") {
  EveryDevice every("max_pool2d");
  every.run([](Device device) {
    const double nan = std::nan(""), low = -std::numeric_limits<double>::infinity();
    //  5 5 | 1   2        one window of ties, one with a NaN, one of -infinity,
    //  5 5 | nan 3        one whose largest comes last
    //  ----+------
    //  low low | -4 -3
    //  low low | -2 -1
    const Tensor x = Tensor::from(std::vector<double>{5, 5, 1, 2, 5, 5, nan, 3, low, low, -4, -3,
                                                      low, low, -2, -1},
                                  {1, 4, 4, 1}, DType::f32, device)
                         .set_requires_grad();
    const Tensor y = max_pool2d(x, {.kernel = 2, .stride = 2});
    const auto values = y.to_vector<double>();
    CHECK(values[0] == 5);
    CHECK(std::isnan(values[1]));
    CHECK(values[2] == low);
    CHECK(values[3] == -1);
    backward(y, Tensor::from(std::vector<double>{1, 2, 3, 4}, {1, 2, 2, 1}, DType::f32, device));
    CHECK(x.grad().to_vector<double>() ==
          std::vector<double>{1, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0, 0, 0, 4});
  });
}

TEST_CASE("max_pool2d: without a gradient the positions are not written") {
  static bool asked;
  Backend watched = backend(Device::ref);
  watched.max_pool2d = {};
  watched.max_pool2d.forward.add(
      {.name = "watched",
       .supports = [](const MaxPool2dProblem&) { return true; },
       .run =
           [](Stream, const MaxPool2dProblem& p, const MaxPool2dForwardArgs& args) {
             CHECK(p.positions == static_cast<bool>(args.position));
             asked = p.positions;
           }});
  ScopedBackend scoped(Device::ref, watched);
  const Tensor x = zeros({1, 2, 2, 1});
  max_pool2d(x, {});
  CHECK(!asked);
  max_pool2d(x.set_requires_grad(), {});
  CHECK(asked);
}

TEST_CASE("max_pool2d: empty, errors") {
  CHECK(max_pool2d(zeros({0, 4, 4, 2}), {}).shape() == Shape{0, 2, 2, 2});
  CHECK_ERROR(max_pool2d(zeros({4, 4, 2}), {}),
              "max_pool2d: needs x [n, h > 0, w > 0, c], got [4, 4, 2]");
  CHECK_ERROR(max_pool2d(zeros({1, 0, 4, 2}), {.pad = 1}),
              "max_pool2d: needs x [n, h > 0, w > 0, c], got [1, 0, 4, 2]");
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  CHECK_ERROR(max_pool2d(zeros({1, 4, 4, 2}), {.kernel = kLeast, .stride = 1}),
              "max_pool2d: kernel -9223372036854775808, stride 1, pad 0, dilation 1: must be at "
              "least 1 (pad: 0 to half of what a window spans)");
  CHECK_ERROR(
      max_pool2d(zeros({1, 4, 4, 2}), {.kernel = 3, .stride = 1, .pad = 2}),
      "max_pool2d: kernel 3, stride 1, pad 2, dilation 1: must be at least 1 (pad: 0 to half "
      "of what a window spans)");
  CHECK_ERROR(
      max_pool2d(zeros({1, 4, 4, 2}), {.kernel = 2, .stride = 0}),
      "max_pool2d: kernel 2, stride 0, pad 0, dilation 1: must be at least 1 (pad: 0 to half "
      "of what a window spans)");
  CHECK_ERROR(max_pool2d(zeros({1, 4, 4, 2}), {.kernel = {2, 3}, .pad = {1, 2}}),
              "max_pool2d: kernel 2x3, stride 2x3, pad 1x2, dilation 1: must be at least 1 (pad: 0 "
              "to half of what a window spans)");
  CHECK_ERROR(max_pool2d(zeros({1, 4, 4, 2}), {.dilation = {1, 0}}),
              "max_pool2d: kernel 2, stride 2, pad 0, dilation 1x0: must be at least 1 (pad: 0 to "
              "half of what a window spans)");
  const std::int64_t large = std::int64_t{1} << 62;  // 2 * pad would overflow to a negative number
  for (const MaxPool2dOptions& o :
       {MaxPool2dOptions{.kernel = large}, MaxPool2dOptions{.stride = large},
        MaxPool2dOptions{.pad = {0, large}}, MaxPool2dOptions{.dilation = large}}) {
    CHECK_ERROR(max_pool2d(zeros({1, 4, 4, 2}), o),
                "max_pool2d: 4611686018427387904 is more than an extent or option may be, "
                "2^31 - 1");
  }
  CHECK_ERROR(max_pool2d(zeros({1, 2, 4, 2}), {.kernel = 3, .stride = 1}),
              "max_pool2d: x [1, 2, 4, 2] with pad 0 is smaller than the kernel 3, dilation 1");
  CHECK_ERROR(max_pool2d(zeros({1, 4, 4, 2}, DType::u8), {}),
              "max_pool2d: needs a float tensor, got u8");
}

}  // namespace
}  // namespace tl::test
