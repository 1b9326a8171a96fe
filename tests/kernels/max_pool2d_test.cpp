// max_pool2d: a maximum has no rounding, so values and positions compare with ==; backward adds few
// numbers, exactly so for integers.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

struct Pooled {
  Values y, position;
  bool operator==(const Pooled&) const = default;
};

Pooled forward(const Backend& b, const MaxPool2dProblem& p, const Values& x, DType dtype,
               std::int64_t offset = 0) {
  const DeviceBuffer in(b, dtype, x, offset), y(b, dtype, p.y_size(), offset),
      position(b, DType::i32, p.y_size(), offset), y_alone(b, dtype, p.y_size());
  b.max_pool2d.forward({}, p, in, y, position);
  b.max_pool2d.forward({}, p, in, y_alone, {});
  if (!std::isnan(norm(x))) CHECK((y.read() == y_alone.read()));
  return {y.read(), position.read()};
}

Values backward(const Backend& b, const MaxPool2dProblem& p, const Values& dy,
                const Values& position, DType dtype, std::int64_t offset = 0) {
  const DeviceBuffer in(b, dtype, dy, offset), at(b, DType::i32, position, offset),
      dx(b, dtype, p.x_size(), offset);
  b.max_pool2d.backward({}, p, in, at, dx);
  return dx.read();
}

const MaxPool2dProblem kProblems[] = {
    {.n = 1, .h = 1, .w = 1, .c = 1, .kernel = 1, .stride = 1, .pad = 0},
    {.n = 2, .h = 7, .w = 9, .c = 3, .kernel = 3, .stride = 2, .pad = 1},
    {.n = 1, .h = 8, .w = 6, .c = 17, .kernel = 2, .stride = 2, .pad = 0},
    {.n = 3, .h = 5, .w = 5, .c = 5, .kernel = 3, .stride = 1, .pad = 1},
    {.n = 1, .h = 11, .w = 13, .c = 33, .kernel = 5, .stride = 3, .pad = 2},
    {.n = 2, .h = 9, .w = 10, .c = 4, .kernel = 2, .stride = 3, .pad = 1},
    {.n = 2, .h = 2, .w = 3, .c = 16, .kernel = 2, .stride = 1, .pad = 0},
    {.n = 1, .h = 112, .w = 112, .c = 64, .kernel = 3, .stride = 2, .pad = 1},
};

TEST_CASE("max_pool2d by hand") {
  const MaxPool2dProblem p{.n = 1, .h = 3, .w = 3, .c = 1, .kernel = 2, .stride = 1, .pad = 0};
  const double nan = std::nan("");
  for (const Backend& b : tested_backends()) {
    if (!b.max_pool2d.forward) continue;
    CAPTURE(std::string(b.name));
    const Pooled pooled = forward(b, p, {1, 5, 2, 4, 3, 5, 5, 5, 0}, DType::f32);
    CHECK(pooled.y == Values{5, 5, 5, 5});
    CHECK(pooled.position == Values{1, 1, 6, 5});  // the first of equals
    const Values dx = backward(b, p, {1, 10, 100, 1000}, pooled.position, DType::f32);
    CHECK(dx == Values{0, 11, 0, 0, 0, 1000, 100, 0, 0});

    const Pooled with_nan = forward(b, p, {1, nan, 2, 4, 3, nan, 9, 5, 0}, DType::f32);
    CHECK(with_nan.position == Values{1, 1, 6, 5});
    CHECK(std::isnan(with_nan.y[0]));
    CHECK(std::isnan(with_nan.y[1]));
    CHECK(with_nan.y[2] == 9);
    CHECK(std::isnan(with_nan.y[3]));
  }
}

TEST_CASE("max_pool2d: padding never wins, not even against negative numbers") {
  const MaxPool2dProblem p{.n = 1, .h = 2, .w = 2, .c = 1, .kernel = 3, .stride = 1, .pad = 1};
  for (const Backend& b : tested_backends()) {
    if (!b.max_pool2d.forward) continue;
    CAPTURE(std::string(b.name));
    CHECK(forward(b, p, {-4, -3, -2, -1}, DType::f32).y == Values{-1, -1, -1, -1});
    const double inf = HUGE_VAL;
    const Pooled all_equal = forward(b, p, {-inf, -inf, -inf, -inf}, DType::f32);
    CHECK(all_equal.y == Values{-inf, -inf, -inf, -inf});
    CHECK(all_equal.position == Values{0, 0, 0, 0});
  }
}

TEST_CASE("max_pool2d against ref in f64, with and without ties") {
  for (const MaxPool2dProblem& p : kProblems) {
    CAPTURE(p.h);
    CAPTURE(p.w);
    CAPTURE(p.c);
    Random random(static_cast<std::uint64_t>(p.h));
    for (const Values& x : {random.uniform_vector(p.x_size()), random.integer_vector(p.x_size())}) {
      const Pooled expected = forward(reference(), p, x, DType::f64);
      const Values whole = random.integer_vector(p.y_size());
      const Values dy = random.uniform_vector(p.y_size());
      const Values dx_whole = backward(reference(), p, whole, expected.position, DType::f64);
      const Values dx = backward(reference(), p, dy, expected.position, DType::f64);
      if (p.x_size() > 1) REQUIRE(norm(dx_whole) > 0);
      for (const Backend& b : tested_backends()) {
        if (!b.max_pool2d.forward) continue;
        CAPTURE(std::string(b.name));
        for (std::int64_t offset : {0, 1}) {
          CHECK((forward(b, p, x, DType::f32, offset) == expected));
          CHECK((backward(b, p, whole, expected.position, DType::f32, offset) == dx_whole));
          check_close(backward(b, p, dy, expected.position, DType::f32, offset), dx,
                      f32_sum_bound(static_cast<double>(p.kernel * p.kernel)), "dx");
        }
      }
    }
  }
}

TEST_CASE("max_pool2d: nothing to do, wrong dtypes") {
  const MaxPool2dProblem none{.n = 0, .h = 4, .w = 4, .c = 3};
  const MaxPool2dProblem some{.n = 1, .h = 2, .w = 2, .c = 1};
  for (const Backend& b : tested_backends()) {
    if (!b.max_pool2d.forward) continue;
    CAPTURE(std::string(b.name));
    CHECK(forward(b, none, {}, DType::f32).y.empty());
    CHECK(backward(b, none, {}, {}, DType::f32).empty());
    const DeviceBuffer f32(b, DType::f32, 4), i32(b, DType::i32, 4);
    CHECK_THROWS_AS(b.max_pool2d.forward({}, some, i32, i32, i32), Error);
    CHECK_THROWS_AS(b.max_pool2d.forward({}, some, f32, f32, f32), Error);
    CHECK_THROWS_AS(b.max_pool2d.backward({}, some, f32, f32, f32), Error);
  }
}

TEST_CASE("max_pool2d: same bits for every thread count") {
  const Backend b = cpu_backend();
  const MaxPool2dProblem p{.n = 3, .h = 41, .w = 40, .c = 33, .kernel = 3, .stride = 2, .pad = 1};
  const Values x = Random(1).uniform_vector(p.x_size()), dy = Random(2).uniform_vector(p.y_size());
  check_same_for_all_thread_counts([&] {
    const Pooled pooled = forward(b, p, x, DType::f32);
    return std::pair(pooled, backward(b, p, dy, pooled.position, DType::f32));
  });
}

}  // namespace
}  // namespace tl::test
