// softmax: by hand, against ref in f64, at the ends of exp's range.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/kernels/row_function.h"

namespace tl::test {
namespace {

using Softmax = RowFunction<&Backend::softmax>;
using Values = Softmax::Values;

TEST_CASE("softmax by hand") {
  Softmax::for_each([](const Backend& b) {
    const auto forward = [&](std::int64_t columns, const Values& x) {
      return Softmax::forward(b, DType::f32, columns, x);
    };
    // softmax(0, log 3) = (1/4, 3/4); equal inputs give 1/n; a single column gives 1.
    check_close(forward(2, {0, std::log(3.0)}), {0.25, 0.75}, 4e-7, "y");
    CHECK(forward(4, {5, 5, 5, 5}) == Values{0.25, 0.25, 0.25, 0.25});
    CHECK(forward(1, {3, -7}) == Values{1, 1});
    // dy = (1, 5): sum of dy y = 1/4 + 15/4 = 4, dx = (1/4 (1 - 4), 3/4 (5 - 4)).
    CHECK(Softmax::backward(b, DType::f32, 2, {0.25, 0.75}, {1, 5}) == Values{-0.75, 0.75});
  });
  Softmax::check_refusals_and_nothing();
}

TEST_CASE("softmax against ref in f64") {
  Softmax::for_each_case(
      [](const Backend& b, DType dtype, const Softmax::Case& c, std::int64_t offset) {
        const double rounding = dtype == DType::bf16 ? kBf16Rounding : 0;
        // The sum of exp in f32; x - max up to 10, whose rounding exp() multiplies by as much.
        const double bound = f32_sum_bound(static_cast<double>(c.columns) + 100);
        check_close(Softmax::forward(b, dtype, c.columns, c.x, offset), c.exact_y, rounding + bound,
                    "y");
        const Values dx = Softmax::backward(b, dtype, c.columns, c.y, c.dy, offset);
        if (c.columns == 1) {
          CHECK((dx == c.dx));  // all 0
        } else {
          // dy_j - sum may cancel: the error is that of its terms, each at most |dy| <= 1.
          check_close(dx, c.dx, rounding + bound * 2 * norm(c.y) / norm(c.dx), "dx");
        }
      });
}

TEST_CASE("softmax does not overflow, -infinity has probability 0, NaN stays") {
  const double inf = std::numeric_limits<double>::infinity();
  Softmax::for_each([&](const Backend& b) {
    const auto forward = [&](std::int64_t columns, const Values& x) {
      return Softmax::forward(b, DType::f32, columns, x);
    };
    CHECK(forward(2, {1e30, 0, -1e30, -1e30}) == Values{1, 0, 0.5, 0.5});
    Values x(20, 1);
    x[3] = x[19] = x[0] = x[7] = -inf;
    const Values y = forward(20, x);
    for (const std::size_t i : {std::size_t{0}, std::size_t{3}, std::size_t{7}, std::size_t{19}}) {
      CHECK(y[i] == 0);
    }
    CHECK(y[1] == 0.0625);
    x[4] = std::nan("");
    for (double v : forward(20, x)) CHECK(std::isnan(v));
  });
}

TEST_CASE("softmax: same bits for every thread count") { Softmax::check_same_for_threads(); }

}  // namespace
}  // namespace tl::test
