// conv2d: y = x convolved with w, plus a bias per output channel (formula: kernels/conv2d.h)
//   dx = dy convolved with w transposed        dw = x correlated with dy        db = sum of dy
// saved: x and w
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/run_variant.h"

namespace tl {
namespace {

Conv2dProblem problem_of(const Tensor& x, const Tensor& w, const Conv2dOptions& o) {
  check_float("conv2d", x);
  check(x.rank() == 4 && w.rank() == 4,
        "conv2d: needs x [n, h, w, c_in] and filter [c_out, kh, kw, c_in / groups], got ",
        x.shape(), " and ", w.shape());
  check_alike("conv2d", x, "the filter", w);
  Conv2dProblem p{.n = x.shape()[0], .h = x.shape()[1], .w = x.shape()[2], .c_in = x.shape()[3]};
  p.c_out = w.shape()[0];
  p.kh = w.shape()[1];
  p.kw = w.shape()[2];
  p.stride_h = p.stride_w = o.stride;
  p.pad_h = p.pad_w = o.pad;
  p.dilation_h = p.dilation_w = o.dilation;
  p.groups = o.groups;
  p.x_dtype = p.w_dtype = p.y_dtype = x.dtype();
  check(o.stride >= 1 && o.dilation >= 1 && o.groups >= 1 && o.pad >= 0, "conv2d: stride ",
        o.stride, ", pad ", o.pad, ", dilation ", o.dilation, ", groups ", o.groups,
        ": must be at least 1 (pad: 0)");
  check(w.size() > 0, "conv2d: filter ", w.shape(), " has no elements");
  check(p.c_in % p.groups == 0 && p.c_out % p.groups == 0 && w.shape()[3] == p.c_in / p.groups,
        "conv2d: filter ", w.shape(), " does not fit ", p.c_in, " input channels in ", p.groups,
        " groups");
  check(p.h + 2 * p.pad_h >= p.dilation_h * (p.kh - 1) + 1 &&
            p.w + 2 * p.pad_w >= p.dilation_w * (p.kw - 1) + 1,
        "conv2d: x ", x.shape(), " with pad ", o.pad, " is smaller than the filter ", w.shape());
  return p;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options) {
  Conv2dProblem p = problem_of(x, weight, options);
  Tensor y = Tensor::empty({p.n, p.out_h(), p.out_w(), p.c_out}, x.dtype(), x.device());
  Conv2dForwardArgs args;
  args.x = x.readable();
  args.w = weight.readable();
  args.y = y.writable();
  if (bias) {
    check_alike("conv2d", x, "bias", bias);
    check_shape("conv2d", "bias", bias, {p.c_out});
    args.bias = bias.readable();
    p.bias = true;
  }
  run_variant(y, y.backend().conv2d.forward, p, args, &Conv2dForwardArgs::w);

  p.bias = false;
  return record("conv2d", y, {x, weight, bias},
                [p, x = Saved("conv2d", x), w = Saved("conv2d", weight)](const Tensor& dy,
                                                                         const Needs& needs) {
                  Gradients g(3);
                  const Backend& kernels = dy.backend();
                  if (needs[0]) {
                    g[0] = Tensor::empty_like(x.get());
                    Conv2dBackwardDataArgs a;
                    a.dy = dy.readable();
                    a.w = w.get().readable();
                    a.dx = g[0].writable();
                    run_variant(dy, kernels.conv2d.backward_data, p, a, &Conv2dBackwardDataArgs::w);
                  }
                  if (needs[1]) {
                    g[1] = Tensor::empty_like(w.get());
                    Conv2dBackwardWeightArgs a;
                    a.x = x.get().readable();
                    a.dy = dy.readable();
                    a.dw = g[1].writable();
                    run_variant(dy, kernels.conv2d.backward_weight, p, a);
                  }
                  if (needs[2]) {
                    g[2] = Tensor::empty({p.c_out}, dy.dtype(), dy.device());
                    kernels.reduce.sum_rows(dy.stream(), dy.readable(), g[2].writable());
                  }
                  return g;
                });
}

}  // namespace tl
