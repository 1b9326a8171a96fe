// log_softmax: by hand, against ref in f64, at the ends of exp's range.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/row_function.h"

namespace tl::test {
namespace {

using LogSoftmax = RowFunction<&Backend::log_softmax>;
using Values = LogSoftmax::Values;

TEST_CASE("log_softmax by hand") {
  const double third = std::log(3.0);
  LogSoftmax::for_each([&](const Backend& b) {
    const auto forward = [&](std::int64_t columns, const Values& x) {
      return LogSoftmax::forward(b, DType::f32, columns, x);
    };
    // softmax(0, log 2) = (1/3, 2/3); equal inputs give 1/n; a single column gives probability 1.
    check_close(forward(2, {0, std::log(2.0), 5, 5}),
                {-third, std::log(2.0) - third, -std::log(2.0), -std::log(2.0)}, 4e-7, "y");
    CHECK(forward(1, {3, -7}) == Values{0, 0});
    // p = (1/3, 2/3), dy = (1, 5): sum 6, dx = (1 - 2, 5 - 4).
    const Values y = {-third, std::log(2.0) - third};
    check_close(LogSoftmax::backward(b, DType::f32, 2, y, {1, 5}), {-1, 1}, 1e-6, "dx");
  });
  LogSoftmax::check_refusals_and_nothing();
}

TEST_CASE("log_softmax against ref in f64") {
  LogSoftmax::for_each_case(
      [](const Backend& b, DType dtype, const LogSoftmax::Case& c, std::int64_t offset) {
        const double rounding = dtype == DType::bf16 ? kBf16Rounding : 0;
        // The sum of exp and of dy in f32, the exp itself within 2 roundings.
        const double bound = f32_sum_bound(static_cast<double>(c.columns) + 4);
        const Values y = LogSoftmax::forward(b, dtype, c.columns, c.x, offset);
        if (c.columns == 1) {
          CHECK((y == c.y));  // all 0
          return;
        }
        check_close(y, c.exact_y, rounding + bound, "y");
        // dx has the error of y times |y|, at most 15 here.
        check_close(LogSoftmax::backward(b, dtype, c.columns, c.y, c.dy, offset), c.dx,
                    rounding + 15 * bound, "dx");
      });
}

TEST_CASE("log_softmax does not overflow, and -infinity has probability 0") {
  const double inf = std::numeric_limits<double>::infinity();
  LogSoftmax::for_each([&](const Backend& b) {
    const auto forward = [&](std::int64_t columns, const Values& x) {
      return LogSoftmax::forward(b, DType::f32, columns, x);
    };
    CHECK(forward(2, {1e30, 0, -1e30, -1e30}) == Values{0, -static_cast<double>(1e30f),
                                                        static_cast<double>(-std::log(2.0f)),
                                                        static_cast<double>(-std::log(2.0f))});
    Values x(20, 1);
    x[3] = x[19] = -inf;
    const Values y = forward(20, x);
    CHECK(y[3] == -inf);
    CHECK(y[19] == -inf);
    CHECK(std::abs(y[0] + std::log(18.0)) < 1e-6);
    x[4] = std::nan("");
    for (double v : forward(20, x)) CHECK(std::isnan(v));
  });
}

TEST_CASE("log_softmax: same bits for every thread count") { LogSoftmax::check_same_for_threads(); }

}  // namespace
}  // namespace tl::test
