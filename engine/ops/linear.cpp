// linear: y = x W^T + b        dx = dy W        dW = dy^T x        db = sum of dy over the rows
// saved: x and W, each only for the gradient that needs it
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/gemm.h"
#include "engine/ops/reductions.h"

namespace tl {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_float("linear", x);
  check(x.rank() == 2 && weight.rank() == 2 && x.shape()[1] == weight.shape()[1],
        "linear: needs x [rows, in] and weight [out, in], got ", x.shape(), " and ",
        weight.shape());
  check_alike("linear", x, "weight", weight);
  const std::int64_t rows = x.shape()[0], in = x.shape()[1], out = weight.shape()[0];
  if (bias) {
    check_parameter("linear", x, "bias", bias);
    check_shape("linear", "bias", bias, {out});
  }

  const GemmProblem p{.m = rows,
                      .n = out,
                      .k = in,
                      .trans_b = true,
                      .bias = static_cast<bool>(bias),
                      .dtype = x.dtype()};
  Tensor y = gemm(p, x, weight, {rows, out}, bias);

  const Saved saved_x("linear", weight.requires_grad() ? x : Tensor{});
  const Saved saved_w("linear", x.requires_grad() ? weight : Tensor{});
  return record(
      "linear", y, {x, weight, bias},
      [rows, in, out, x = saved_x, w = saved_w, dtype = x.dtype()](const Tensor& dy,
                                                                   const Needs& needs) {
        Gradients g(3);
        if (needs[0])
          g[0] = gemm({.m = rows, .n = in, .k = out, .dtype = dtype}, dy, w.get(), {rows, in});
        if (needs[1])
          g[1] = gemm({.m = out, .n = in, .k = rows, .trans_a = true, .dtype = dtype}, dy, x.get(),
                      {out, in});
        if (needs[2]) {
          g[2] = sum_rows(dy);
        }
        return g;
      });
}

}  // namespace tl
