// batch_norm in evaluation: every variant against ref in f64; only what is asked for.
#include <doctest/doctest.h>

#include <string>

#include "tests/kernels/batch_norm_harness.h"
#include "tests/support/compare.h"

namespace tl::test {
namespace {

using namespace batch_norm_harness;

TEST_CASE("batch_norm.eval and eval_backward against ref in f64") {
  for (const auto& [rows, channels] : kShapes) {
    CAPTURE(rows);
    CAPTURE(channels);
    const BatchNormProblem p = problem(rows, channels), exact = problem(rows, channels, DType::f64);
    const BatchNormInputs in(p, -1, 3);
    const Values y = eval(reference(), reference().batch_norm.eval.all().front(), exact, in);
    for_each_variant(&BatchNormKernels::eval, p, [&](const Backend& b, const auto& variant) {
      // Six roundings, of values up to 8 times the result's size: no long sum.
      for (const Manner& m : manners_of(b, p))
        check_close(eval(b, variant, p, in, m), y, 0x1p-21, "y");
    });
    const Gradients expected =
        eval_backward(reference(), reference().batch_norm.eval_backward.all().front(), exact, in);
    const double bound = 16 * f32_sum_bound(static_cast<double>(rows));
    for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
      for (const Manner& manner : manners_of(b, p)) {
        const Gradients g = eval_backward(b, v, p, in, manner);
        check_close(g.dx, expected.dx, 0x1p-22, "dx");
        check_close(g.dgamma, expected.dgamma, bound, "dgamma");
        check_close(g.dbeta, expected.dbeta, bound, "dbeta");
      }
    });
  }
}

TEST_CASE("batch_norm.eval_backward computes only what is asked for") {
  const BatchNormProblem p = problem(77, 19);
  const BatchNormInputs in(p, -1, 3);
  for_each_variant(&BatchNormKernels::eval_backward, p, [&](const Backend& b, const auto& v) {
    const Gradients all = eval_backward(b, v, p, in);
    for (int asked = 0; asked < 8; ++asked) {
      CAPTURE(asked);
      const Buffers buffer{b, DType::f32, {}};
      const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), gamma = buffer(in.gamma),
                         mean = buffer(in.running_mean), var = buffer(in.running_var);
      const DeviceBuffer dx = buffer(p.rows * p.channels), dgamma = buffer(p.channels),
                         dbeta = buffer(p.channels);
      BatchNormEvalBackwardArgs args{x, dy, gamma, mean, var, {}, {}, {}, {}, {}, {}};
      if (asked & 1) args.dx = dx;
      if (asked & 2) args.dgamma = dgamma;
      if (asked & 4) args.dbeta = dbeta;
      run_variant(b, v, p, args);
      if (asked & 1) CHECK((dx.read() == all.dx));
      if (asked & 2) CHECK((dgamma.read() == all.dgamma));
      if (asked & 4) CHECK((dbeta.read() == all.dbeta));
    }
  });
}

}  // namespace
}  // namespace tl::test
