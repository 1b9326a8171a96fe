// conv2d: y = x convolved with w, plus a bias per output channel (formula: kernels/conv2d.h)
//   dx = dy convolved with w transposed        dw = x correlated with dy        db = sum of dy
// saved: x and w, each only for the gradient that needs it
// With a bf16 weight beside an f32 one, w in these formulas is the former; dw is written in f32 and
// goes to the latter.
#include "engine/ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/problems.h"
#include "engine/ops/reductions.h"
#include "engine/run_variant.h"

namespace tl {

Conv2dProblem conv2d_problem(const char* op, const Shape& x, const Shape& w, const Conv2dOptions& o,
                             DType dtype) {
  check(x.rank() == 4 && w.rank() == 4, op,
        ": needs x [n, h, w, c_in] and filter [c_out, kh, kw, c_in / groups], got ", x, " and ", w);
  check(o.stride.least() >= 1 && o.dilation.least() >= 1 && o.groups >= 1 && o.pad.least() >= 0, op,
        ": stride ", o.stride, ", pad ", o.pad, ", dilation ", o.dilation, ", groups ", o.groups,
        ": must be at least 1 (pad: 0)");
  check_extents(op, {x[1], x[2], w[1], w[2], o.stride.h, o.stride.w, o.pad.h, o.pad.w, o.dilation.h,
                     o.dilation.w});
  Conv2dProblem p{.n = x[0], .h = x[1], .w = x[2], .c_in = x[3]};
  p.c_out = w[0];
  p.kh = w[1];
  p.kw = w[2];
  p.stride_h = o.stride.h;
  p.stride_w = o.stride.w;
  p.pad_h = o.pad.h;
  p.pad_w = o.pad.w;
  p.dilation_h = o.dilation.h;
  p.dilation_w = o.dilation.w;
  p.groups = o.groups;
  p.x_dtype = p.w_dtype = p.y_dtype = dtype;
  check(w.size() > 0, op, ": filter ", w, " has no elements");
  check(p.c_in % p.groups == 0 && p.c_out % p.groups == 0 && w[3] == p.c_in / p.groups, op,
        ": filter ", w, " does not fit ", p.c_in, " input channels in ", p.groups, " groups");
  check(p.h + 2 * p.pad_h >= p.dilation_h * (p.kh - 1) + 1 &&
            p.w + 2 * p.pad_w >= p.dilation_w * (p.kw - 1) + 1,
        op, ": x ", x, " with pad ", o.pad, " is smaller than the filter ", w);
  return p;
}

namespace {

/// The filter that the kernels are handed.
Tensor checked_filter(const Tensor& x, const Tensor& weight, const Tensor& bf16_weight) {
  if (!bf16_weight) {
    check(x.dtype() != DType::bf16 || weight.dtype() != DType::f32,
          "conv2d: the input is bf16, the filter f32: its copy in bf16 must be given as well");
    check_alike("conv2d", x, "the filter", weight);
    return weight;
  }
  check(x.dtype() == DType::bf16, "conv2d: a bf16 copy of the filter needs a bf16 input, got ",
        x.dtype());
  check_parameter("conv2d", x, "the filter", weight);
  check_alike("conv2d", x, "the copy of the filter", bf16_weight);
  check_shape("conv2d", "the copy of the filter", bf16_weight, weight.shape());
  check(!will_record({bf16_weight}), "conv2d: the copy of the filter gets no gradient");
  return bf16_weight;
}

/// dx, or dx and what other ops have given for x: then on top of that. What is being tuned is run
/// several times, so it starts anew.
Tensor gradient_of_x(const Conv2dProblem& p, const Shape& x_shape, const Tensor& w,
                     const Tensor& dy, const Needs& needs) {
  const auto& slot = dy.backend().conv2d.backward_data;
  Tensor dx = Tuning::current() ? Tensor{} : needs.take_sum(0);
  const bool accumulate = static_cast<bool>(dx);
  if (!accumulate) dx = Tensor::empty(x_shape, dy.dtype(), dy.device());
  Conv2dBackwardDataArgs a;
  a.dy = dy.readable();
  a.w = w.readable();
  a.dx = dx.writable();
  if (accumulate) {
    Conv2dProblem added = p;
    added.accumulate = true;
    run_this_variant(dy, slot.choose(p), added, a, &Conv2dBackwardDataArgs::w);
  } else {
    run_variant(dy, slot, p, a, &Conv2dBackwardDataArgs::w);
  }
  return dx;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options, const Tensor& bf16_weight) {
  check_float("conv2d", x);
  const Tensor filter = checked_filter(x, weight, bf16_weight);
  Conv2dProblem p = conv2d_problem("conv2d", x.shape(), weight.shape(), options, x.dtype());
  Tensor y = Tensor::empty({p.n, p.out_h(), p.out_w(), p.c_out}, x.dtype(), x.device());
  Conv2dForwardArgs args;
  args.x = x.readable();
  args.w = filter.readable();
  args.y = y.writable();
  if (bias) {
    check_parameter("conv2d", x, "bias", bias);
    check_shape("conv2d", "bias", bias, {p.c_out});
    args.bias = bias.readable();
    p.bias = true;
  }
  run_variant(y, y.backend().conv2d.forward, p, args, &Conv2dForwardArgs::w);

  p.bias = false;
  const Saved saved_x("conv2d", weight.requires_grad() ? x : Tensor{});
  const Saved saved_w("conv2d", x.requires_grad() ? filter : Tensor{});
  return record("conv2d", y, {x, weight, bias},
                [p, x = saved_x, w = saved_w, x_shape = x.shape(), w_shape = weight.shape(),
                 dw_dtype = weight.dtype()](const Tensor& dy, const Needs& needs) {
                  Gradients g(3);
                  if (needs[0]) g[0] = gradient_of_x(p, x_shape, w.get(), dy, needs);
                  if (needs[1]) {
                    g[1] = Tensor::empty(w_shape, dw_dtype, dy.device());
                    Conv2dProblem dw_problem = p;
                    dw_problem.w_dtype = dw_dtype;
                    Conv2dBackwardWeightArgs a;
                    a.x = x.get().readable();
                    a.dy = dy.readable();
                    a.dw = g[1].writable();
                    run_variant(dy, dy.backend().conv2d.backward_weight, dw_problem, a);
                  }
                  if (needs[2]) {
                    g[2] = sum_rows(dy);
                  }
                  return g;
                });
}

}  // namespace tl
