// log_softmax: by hand, against ref in f64, at the ends of exp's range.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/support/backends.h"
#include "tests/support/compare.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

Values forward(const Backend& b, DType dtype, std::int64_t columns, const Values& x,
               std::int64_t offset = 0) {
  const DeviceBuffer in(b, dtype, x, offset);
  const DeviceBuffer out(b, dtype, static_cast<std::int64_t>(x.size()), offset);
  b.log_softmax.forward({}, columns, in, out);
  const Values y = out.read();
  b.log_softmax.forward({}, columns, in, in);  // y may alias x
  if (!std::isnan(norm(x))) CHECK((in.read() == y));
  return y;
}

Values backward(const Backend& b, DType dtype, std::int64_t columns, const Values& y,
                const Values& dy, std::int64_t offset = 0) {
  const DeviceBuffer y_in(b, dtype, y, offset), dy_in(b, dtype, dy, offset);
  const DeviceBuffer out(b, dtype, static_cast<std::int64_t>(y.size()), offset);
  b.log_softmax.backward({}, columns, y_in, dy_in, out);
  const Values dx = out.read();
  b.log_softmax.backward({}, columns, y_in, dy_in, dy_in);  // dx may alias dy
  CHECK((dy_in.read() == dx));
  return dx;
}

TEST_CASE("log_softmax by hand") {
  const double third = std::log(3.0);
  for (const Backend& b : tested_backends()) {
    if (!b.log_softmax.forward) continue;
    CAPTURE(std::string(b.name));
    // softmax(0, log 2) = (1/3, 2/3); equal inputs give 1/n; a single column gives probability 1.
    const Values y = forward(b, DType::f32, 2, {0, std::log(2.0), 5, 5});
    check_close(y, {-third, std::log(2.0) - third, -std::log(2.0), -std::log(2.0)}, 4e-7, "y");
    CHECK(forward(b, DType::f32, 1, {3, -7}) == Values{0, 0});
    // p = (1/3, 2/3), dy = (1, 5): sum 6, dx = (1 - 2, 5 - 4).
    const Values dx = backward(b, DType::f32, 2, {-third, std::log(2.0) - third}, {1, 5});
    check_close(dx, {-1, 1}, 1e-6, "dx");
    const DeviceBuffer i32(b, DType::i32, 4);
    CHECK_THROWS_AS(b.log_softmax.forward({}, 2, i32, i32), Error);
    CHECK_THROWS_AS(b.log_softmax.backward({}, 2, i32, i32, i32), Error);
    const DeviceBuffer none(b, DType::f32, 0);
    b.log_softmax.forward({}, 3, none, none);
    b.log_softmax.backward({}, 3, none, none, none);
  }
}

TEST_CASE("log_softmax against ref in f64") {
  const std::int64_t shapes[][2] = {{1, 1},  {1, 2},   {5, 3},  {7, 17},   {3, 16},
                                    {2, 33}, {32, 10}, {64, 7}, {3, 1000}, {40, 1009}};
  for (const Backend& b : tested_backends()) {
    if (!b.log_softmax.forward) continue;
    CAPTURE(std::string(b.name));
    for (const auto& [rows, columns] : shapes) {
      CAPTURE(rows);
      CAPTURE(columns);
      Random random(11);
      const Values x = random.uniform_vector(rows * columns, -5, 5);
      const Values dy = random.uniform_vector(rows * columns);
      const Values y = forward(reference(), DType::f64, columns, x);
      const Values dx = backward(reference(), DType::f64, columns, y, dy);
      // The sum of exp and of dy in f32, the exp itself within 2 roundings.
      const double bound = f32_sum_bound(static_cast<double>(columns) + 4);
      for (std::int64_t offset : {0, 1}) {
        const Values found = forward(b, DType::f32, columns, x, offset);
        if (columns == 1) {
          CHECK((found == y));  // all 0
          continue;
        }
        check_close(found, y, bound, "y");
        // dx has the error of y times |y|, at most 12 here.
        check_close(backward(b, DType::f32, columns, y, dy, offset), dx, 12 * bound, "dx");
      }
    }
  }
}

TEST_CASE("log_softmax does not overflow, and -infinity has probability 0") {
  const double inf = std::numeric_limits<double>::infinity();
  for (const Backend& b : tested_backends()) {
    if (!b.log_softmax.forward) continue;
    CAPTURE(std::string(b.name));
    CHECK(forward(b, DType::f32, 2, {1e30, 0, -1e30, -1e30}) ==
          Values{0, -static_cast<double>(1e30f), static_cast<double>(-std::log(2.0f)),
                 static_cast<double>(-std::log(2.0f))});
    Values x(20, 1);
    x[3] = x[19] = -inf;
    const Values y = forward(b, DType::f32, 20, x);
    CHECK(y[3] == -inf);
    CHECK(y[19] == -inf);
    CHECK(std::abs(y[0] + std::log(18.0)) < 1e-6);
    x[4] = std::nan("");
    for (double v : forward(b, DType::f32, 20, x)) CHECK(std::isnan(v));
  }
}

TEST_CASE("log_softmax: same bits for every thread count") {
  const Backend b = cpu_backend();
  const Values x = Random(5).uniform_vector(100 * 1003);
  check_same_for_all_thread_counts([&] {
    const Values y = forward(b, DType::f32, 1003, x);
    return std::pair(y, backward(b, DType::f32, 1003, y, x));
  });
}

}  // namespace
}  // namespace tl::test
