// max_pool2d, every variant: a maximum has no rounding, so values and positions compare with ==;
// backward adds few numbers, exactly so for integers.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/run_variant.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

struct Pooled {
  Values y, position;
  bool operator==(const Pooled&) const = default;
};

MaxPool2dProblem typed(MaxPool2dProblem p, DType dtype, bool positions) {
  p.dtype = dtype;
  p.positions = positions;
  return p;
}

/// y and the positions of the variant that is chosen. Every variant that supports the problem,
/// with positions and without, has the same y (none is asked about the order of NaN).
Pooled max_pool(const Backend& b, const MaxPool2dProblem& problem, const Values& x, DType dtype,
                std::int64_t offset = 0) {
  const DeviceBuffer in(b, dtype, x, offset);
  Pooled pooled;
  for (const bool positions : {true, false}) {
    const MaxPool2dProblem p = typed(problem, dtype, positions);
    for (const auto& variant : b.max_pool2d.forward.all()) {
      if (!variant.supports(p)) continue;
      INFO("variant ", std::string(variant.name), ", ", concat(p));
      const DeviceBuffer y(b, dtype, p.y_size(), offset),
          position(b, DType::i32, p.y_size(), offset);
      MaxPool2dForwardArgs args;
      args.x = in;
      args.y = y;
      if (positions) args.position = position;
      run_variant(b, variant, p, args);
      Pooled found{y.read(), position.read()};
      if (positions && pooled.y.empty()) {
        pooled = std::move(found);
        continue;
      }
      if (!std::isnan(norm(x))) CHECK((found.y == pooled.y));
      if (positions) CHECK((found.position == pooled.position));
    }
  }
  return pooled;
}

Values max_pool_backward(const Backend& b, const MaxPool2dProblem& problem, const Values& dy,
                         const Values& position, DType dtype, std::int64_t offset = 0) {
  const MaxPool2dProblem p = typed(problem, dtype, true);
  const DeviceBuffer in(b, dtype, dy, offset), at(b, DType::i32, position, offset),
      dx(b, dtype, p.x_size(), offset);
  MaxPool2dBackwardArgs args;
  args.dy = in;
  args.position = at;
  args.dx = dx;
  run_variant(b, b.max_pool2d.backward.choose(p), p, args);
  return dx.read();
}

MaxPool2dProblem square(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c,
                        std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return {.n = n,
          .h = h,
          .w = w,
          .c = c,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .pad_h = pad,
          .pad_w = pad};
}

/// Windows over a picture of one row.
MaxPool2dProblem one_row(std::int64_t w, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                         std::int64_t dilation, bool ceil_mode) {
  return {.w = w,
          .kernel_h = 1,
          .kernel_w = kernel,
          .stride_h = 1,
          .stride_w = stride,
          .pad_w = pad,
          .dilation_w = dilation,
          .ceil_mode = ceil_mode};
}

/// Every option different in h and w, drawn at random; also more channels than a few vectors have.
std::vector<MaxPool2dProblem> random_problems(int count) {
  Random random(11);
  std::vector<MaxPool2dProblem> problems;
  while (static_cast<int>(problems.size()) < count) {
    MaxPool2dProblem p{.n = random.integer(1, 3),
                       .h = random.integer(1, 14),
                       .w = random.integer(1, 14),
                       .c = random.integer(1, 37),
                       .kernel_h = random.integer(1, 4),
                       .kernel_w = random.integer(1, 4),
                       .stride_h = random.integer(1, 4),
                       .stride_w = random.integer(1, 4),
                       .dilation_h = random.integer(1, 3),
                       .dilation_w = random.integer(1, 3),
                       .ceil_mode = random.integer(0, 1) == 1};
    p.pad_h = random.integer(0, (p.dilation_h * (p.kernel_h - 1) + 1) / 2);
    p.pad_w = random.integer(0, (p.dilation_w * (p.kernel_w - 1) + 1) / 2);
    // Windows of nothing have a test of their own: there dx may be 0, and say nothing.
    if (p.h < p.dilation_h || p.w < p.dilation_w) continue;
    if (p.out_h() >= 1 && p.out_w() >= 1) problems.push_back(p);
  }
  return problems;
}

std::vector<MaxPool2dProblem> max_pool2d_problems() {
  std::vector<MaxPool2dProblem> list = {
      square(1, 1, 1, 1, 1, 1, 0),  square(2, 7, 9, 3, 3, 2, 1),     square(1, 8, 6, 17, 2, 2, 0),
      square(3, 5, 5, 5, 3, 1, 1),  square(1, 11, 13, 33, 5, 3, 2),  square(2, 9, 10, 4, 2, 3, 1),
      square(2, 2, 3, 16, 2, 1, 0), square(1, 112, 112, 64, 3, 2, 1)};
  for (const MaxPool2dProblem& p : random_problems(60)) list.push_back(p);
  return list;
}

TEST_CASE("pool_outputs: windows by hand") {
  // size, kernel, stride, pad, dilation, ceil_mode
  CHECK(pool_outputs(5, 2, 2, 0, 1, false) == 2);
  CHECK(pool_outputs(5, 2, 2, 0, 1, true) == 3);
  CHECK(pool_outputs(112, 3, 2, 1, 1, false) == 56);
  CHECK(pool_outputs(7, 3, 2, 0, 2, false) == 2);
  CHECK(pool_outputs(8, 3, 2, 0, 2, true) == 3);
  CHECK(pool_outputs(4, 2, 3, 1, 1, false) == 2);
  CHECK(pool_outputs(4, 2, 3, 1, 1, true) == 2);  // a third would start in the right padding
  CHECK(pool_outputs(2, 3, 2, 0, 1, false) == 0);
  CHECK(pool_outputs(2, 3, 2, 0, 1, true) == 1);  // reaches beyond, but starts inside
  CHECK(pool_outputs(1, 5, 2, 0, 1, true) == 0);
  CHECK(pool_outputs(1, 1, 4, 0, 1, true) == 1);
}

TEST_CASE("max_pool2d by hand") {
  const MaxPool2dProblem p = square(1, 3, 3, 1, 2, 1, 0);
  const double nan = std::nan("");
  for (const Backend& b : tested_backends()) {
    if (b.max_pool2d.forward.all().empty()) continue;
    CAPTURE(std::string(b.name));
    const Pooled pooled = max_pool(b, p, {1, 5, 2, 4, 3, 5, 5, 5, 0}, DType::f32);
    CHECK(pooled.y == Values{5, 5, 5, 5});
    CHECK(pooled.position == Values{1, 1, 6, 5});  // the first of equals
    const Values dx = max_pool_backward(b, p, {1, 10, 100, 1000}, pooled.position, DType::f32);
    CHECK(dx == Values{0, 11, 0, 0, 0, 1000, 100, 0, 0});

    const Pooled with_nan = max_pool(b, p, {1, nan, 2, 4, 3, nan, 9, 5, 0}, DType::f32);
    CHECK(with_nan.position == Values{1, 1, 6, 5});
    CHECK(std::isnan(with_nan.y[0]));
    CHECK(std::isnan(with_nan.y[1]));
    CHECK(with_nan.y[2] == 9);
    CHECK(std::isnan(with_nan.y[3]));
  }
}

TEST_CASE("max_pool2d by hand: dilation, ceil_mode, windows of nothing") {
  const double inf = HUGE_VAL;
  for (const Backend& b : tested_backends()) {
    if (b.max_pool2d.forward.all().empty()) continue;
    CAPTURE(std::string(b.name));
    // Windows {0, 2}, {2, 4} and, beyond the end, {4}.
    const MaxPool2dProblem every_other = one_row(6, 2, 2, 0, 2, true);
    const Pooled dilated = max_pool(b, every_other, {-5, 9, -1, 9, -2, 9}, DType::f32);
    CHECK(dilated.y == Values{-1, -1, -2});
    CHECK(dilated.position == Values{2, 2, 4});
    CHECK(max_pool_backward(b, every_other, {1, 10, 100}, dilated.position, DType::f32) ==
          Values{0, 0, 11, 0, 100, 0});
    // One padded element on either side: {-1, 1}, {1, 3}, {3, 5}.
    CHECK(max_pool(b, one_row(5, 2, 2, 1, 2, false), {9, 1, 9, 2, 9}, DType::f32).y ==
          Values{1, 2, 2});
    // Both elements of the only window lie outside: -2 and 2.
    const MaxPool2dProblem nothing = one_row(1, 2, 1, 2, 4, false);
    const Pooled none = max_pool(b, nothing, {7}, DType::f32);
    CHECK(none.y == Values{-inf});
    CHECK(none.position == Values{-1});
    CHECK(max_pool_backward(b, nothing, {3}, none.position, DType::f32) == Values{0});
  }
}

TEST_CASE("max_pool2d: padding never wins, not even against negative numbers") {
  const MaxPool2dProblem p = square(1, 2, 2, 1, 3, 1, 1);
  for (const Backend& b : tested_backends()) {
    if (b.max_pool2d.forward.all().empty()) continue;
    CAPTURE(std::string(b.name));
    CHECK(max_pool(b, p, {-4, -3, -2, -1}, DType::f32).y == Values{-1, -1, -1, -1});
    const double inf = HUGE_VAL;
    const Pooled all_equal = max_pool(b, p, {-inf, -inf, -inf, -inf}, DType::f32);
    CHECK(all_equal.y == Values{-inf, -inf, -inf, -inf});
    CHECK(all_equal.position == Values{0, 0, 0, 0});
  }
}

TEST_CASE("max_pool2d against ref in f64, with and without ties") {
  for (const MaxPool2dProblem& p : max_pool2d_problems()) {
    INFO("x ", p.n, " ", p.h, " ", p.w, " ", p.c, ", kernel ", p.kernel_h, " ", p.kernel_w,
         ", stride ", p.stride_h, " ", p.stride_w, ", pad ", p.pad_h, " ", p.pad_w, ", dilation ",
         p.dilation_h, " ", p.dilation_w, ", ceil ", p.ceil_mode);
    Random random(static_cast<std::uint64_t>(p.h));
    for (const Values& x : {random.uniform_vector(p.x_size()), random.integer_vector(p.x_size())}) {
      const Pooled expected = max_pool(reference(), p, x, DType::f64);
      const Values whole = random.integer_vector(p.y_size());
      const Values dy = random.uniform_vector(p.y_size());
      const Values dx_whole =
          max_pool_backward(reference(), p, whole, expected.position, DType::f64);
      const Values dx = max_pool_backward(reference(), p, dy, expected.position, DType::f64);
      for (const Backend& b : tested_backends()) {
        if (b.max_pool2d.forward.all().empty()) continue;
        CAPTURE(std::string(b.name));
        for (std::int64_t offset : {0, 1}) {
          CHECK((max_pool(b, p, x, DType::f32, offset) == expected));
          CHECK(
              (max_pool_backward(b, p, whole, expected.position, DType::f32, offset) == dx_whole));
          check_close(max_pool_backward(b, p, dy, expected.position, DType::f32, offset), dx,
                      f32_sum_bound(static_cast<double>(p.kernel_h * p.kernel_w)), "dx");
        }
      }
    }
  }
}

TEST_CASE("max_pool2d in bf16 against ref in f64") {
  for (const MaxPool2dProblem& p : max_pool2d_problems()) {
    INFO("x ", p.n, " ", p.h, " ", p.w, " ", p.c, ", kernel ", p.kernel_h, " ", p.kernel_w);
    Random random(static_cast<std::uint64_t>(p.w));
    const Values x = rounded_to_bf16(random.uniform_vector(p.x_size()));
    const Values dy = rounded_to_bf16(random.uniform_vector(p.y_size()));
    const Pooled expected = max_pool(reference(), p, x, DType::f64);
    const Values dx = max_pool_backward(reference(), p, dy, expected.position, DType::f64);
    for (const Backend& b : tested_backends()) {
      if (b.max_pool2d.forward.all().empty() || !computes_bf16(b)) continue;
      CAPTURE(std::string(b.name));
      for (std::int64_t offset : {0, 1}) {
        CHECK((max_pool(b, p, x, DType::bf16, offset) == expected));
        check_close(max_pool_backward(b, p, dy, expected.position, DType::bf16, offset), dx,
                    kBf16Rounding, "dx");
      }
    }
  }
}

TEST_CASE("max_pool2d: nothing to do, wrong dtypes") {
  const MaxPool2dProblem none{.n = 0, .h = 4, .w = 4, .c = 3};
  const MaxPool2dProblem some{.n = 1, .h = 2, .w = 2, .c = 1};
  for (const Backend& b : tested_backends()) {
    if (b.max_pool2d.forward.all().empty()) continue;
    CAPTURE(std::string(b.name));
    CHECK(max_pool(b, none, {}, DType::f32).y.empty());
    CHECK(max_pool_backward(b, none, {}, {}, DType::f32).empty());
    const DeviceBuffer f32(b, DType::f32, 4), i32(b, DType::i32, 4);
    CHECK_THROWS_AS(b.max_pool2d.forward.choose(typed(some, DType::i32, false)), Error);
    CHECK_THROWS_AS(b.max_pool2d.backward.choose(typed(some, DType::i32, true)), Error);
    const MaxPool2dProblem p = typed(some, DType::f32, true);
    const auto& forward_variant = b.max_pool2d.forward.choose(p);
    const auto& backward_variant = b.max_pool2d.backward.choose(p);
    CHECK_THROWS_AS(forward_variant.run({}, p, {i32, f32, i32, {}}), Error);
    CHECK_THROWS_AS(forward_variant.run({}, p, {f32, f32, f32, {}}), Error);
    CHECK_THROWS_AS(backward_variant.run({}, p, {f32, f32, f32, {}}), Error);
  }
}

TEST_CASE("max_pool2d: same bits for every thread count") {
  const Backend b = cpu_backend();
  const MaxPool2dProblem p = square(3, 41, 40, 33, 3, 2, 1);
  const Values x = Random(1).uniform_vector(p.x_size()), dy = Random(2).uniform_vector(p.y_size());
  check_same_for_all_thread_counts([&] {
    const Pooled pooled = max_pool(b, p, x, DType::f32);
    return std::pair(pooled, max_pool_backward(b, p, dy, pooled.position, DType::f32));
  });
}

}  // namespace
}  // namespace tl::test
