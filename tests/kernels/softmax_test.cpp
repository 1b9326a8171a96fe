// softmax: by hand, against ref in f64, at the ends of exp's range.
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
  b.softmax.forward({}, columns, in, out);
  const Values y = out.read();
  b.softmax.forward({}, columns, in, in);  // y may alias x
  if (!std::isnan(norm(y))) CHECK((in.read() == y));
  return y;
}

Values backward(const Backend& b, DType dtype, std::int64_t columns, const Values& y,
                const Values& dy, std::int64_t offset = 0) {
  const DeviceBuffer y_in(b, dtype, y, offset), dy_in(b, dtype, dy, offset);
  const DeviceBuffer out(b, dtype, static_cast<std::int64_t>(y.size()), offset);
  b.softmax.backward({}, columns, y_in, dy_in, out);
  const Values dx = out.read();
  b.softmax.backward({}, columns, y_in, dy_in, dy_in);  // dx may alias dy
  CHECK((dy_in.read() == dx));
  return dx;
}

TEST_CASE("softmax by hand") {
  for (const Backend& b : tested_backends()) {
    if (!b.softmax.forward) continue;
    CAPTURE(std::string(b.name));
    // softmax(0, log 3) = (1/4, 3/4); equal inputs give 1/n; a single column gives 1.
    check_close(forward(b, DType::f32, 2, {0, std::log(3.0)}), {0.25, 0.75}, 4e-7, "y");
    CHECK(forward(b, DType::f32, 4, {5, 5, 5, 5}) == Values{0.25, 0.25, 0.25, 0.25});
    CHECK(forward(b, DType::f32, 1, {3, -7}) == Values{1, 1});
    // dy = (1, 5): sum of dy y = 1/4 + 15/4 = 4, dx = (1/4 (1 - 4), 3/4 (5 - 4)).
    CHECK(backward(b, DType::f32, 2, {0.25, 0.75}, {1, 5}) == Values{-0.75, 0.75});
    const DeviceBuffer i32(b, DType::i32, 4);
    CHECK_THROWS_AS(b.softmax.forward({}, 2, i32, i32), Error);
    CHECK_THROWS_AS(b.softmax.backward({}, 2, i32, i32, i32), Error);
    const DeviceBuffer none(b, DType::f32, 0);
    b.softmax.forward({}, 3, none, none);
    b.softmax.backward({}, 3, none, none, none);
    b.softmax.forward({}, 0, none, none);
    b.softmax.backward({}, 0, none, none, none);
  }
}

TEST_CASE("softmax against ref in f64") {
  const std::int64_t shapes[][2] = {{1, 1},  {1, 2},   {5, 3},  {7, 17},   {3, 16},
                                    {2, 33}, {32, 10}, {64, 7}, {3, 1000}, {40, 1009}};
  for_each_backend([&](const Backend& b) {
    if (!b.softmax.forward) return;
    for (const auto& [rows, columns] : shapes) {
      CAPTURE(rows);
      CAPTURE(columns);
      Random random(11);
      const Values x = random.uniform_vector(rows * columns, -5, 5);
      const Values dy = random.uniform_vector(rows * columns);
      const Values y = forward(reference(), DType::f64, columns, x);
      const Values dx = backward(reference(), DType::f64, columns, y, dy);
      // The sum of exp in f32; x - max up to 10, whose rounding exp() multiplies by as much.
      const double bound = f32_sum_bound(static_cast<double>(columns) + 100);
      for (std::int64_t offset : {0, 1}) {
        check_close(forward(b, DType::f32, columns, x, offset), y, bound, "y");
        const Values found = backward(b, DType::f32, columns, y, dy, offset);
        if (columns == 1) {
          CHECK((found == dx));  // all 0
        } else {
          // dy_j - sum may cancel: the error is that of its terms, each at most |dy| <= 1.
          check_close(found, dx, bound * 2 * norm(y) / norm(dx), "dx");
        }
      }
    }
  });
}

TEST_CASE("softmax does not overflow, -infinity has probability 0, NaN stays") {
  const double inf = std::numeric_limits<double>::infinity();
  for_each_backend([&](const Backend& b) {
    if (!b.softmax.forward) return;
    CHECK(forward(b, DType::f32, 2, {1e30, 0, -1e30, -1e30}) == Values{1, 0, 0.5, 0.5});
    Values x(20, 1);
    x[3] = x[19] = x[0] = x[7] = -inf;
    const Values y = forward(b, DType::f32, 20, x);
    for (const std::size_t i : {std::size_t{0}, std::size_t{3}, std::size_t{7}, std::size_t{19}}) {
      CHECK(y[i] == 0);
    }
    CHECK(y[1] == 0.0625);
    x[4] = std::nan("");
    for (double v : forward(b, DType::f32, 20, x)) CHECK(std::isnan(v));
  });
}

TEST_CASE("softmax: same bits for every thread count") {
  const Backend b = cpu_backend();
  const Values x = Random(5).uniform_vector(100 * 1003);
  check_same_for_all_thread_counts([&] {
    const Values y = forward(b, DType::f32, 1003, x);
    return std::pair(y, backward(b, DType::f32, 1003, y, x));
  });
}

}  // namespace
}  // namespace tl::test
