// binary: y = a op b, with broadcasting (broadcast.h)
//   add: da = dy          db = dy
//   sub: da = dy          db = -dy
//   mul: da = dy b        db = dy a
//   div: da = dy / b      db = -(dy / b) y
// each then summed over what its input was repeated along.
// saved: mul: a and b, each only for the other's gradient; div: b, and y only for db
#include "engine/ops.h"
#include "engine/ops/broadcast.h"

namespace tl {
namespace {

Tensor combined(BinaryOp op, const Tensor& a, const Tensor& b) {
  const char* name = name_of(op);
  check_float(name, a);
  check_alike(name, a, "the second input", b);
  Tensor y = Tensor::empty(broadcast_shape(name, a.shape(), b.shape()), a.dtype(), a.device());
  y.backend().elementwise.binary(y.stream(), broadcast_problem(op, a.shape(), b.shape(), y.shape()),
                                 a.readable(), b.readable(), y.writable());
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return record("add", combined(BinaryOp::add, a, b), {a, b},
                [a_shape = a.shape(), b_shape = b.shape()](const Tensor& dy, const Needs& needs) {
                  Gradients g(2);
                  if (needs[0]) g[0] = sum_to(dy, a_shape);
                  if (needs[1]) g[1] = sum_to(dy, b_shape);
                  return g;
                });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return record("sub", combined(BinaryOp::sub, a, b), {a, b},
                [a_shape = a.shape(), b_shape = b.shape()](const Tensor& dy, const Needs& needs) {
                  Gradients g(2);
                  if (needs[0]) g[0] = sum_to(dy, a_shape);
                  if (needs[1]) g[1] = scale(sum_to(dy, b_shape), -1);
                  return g;
                });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  const Saved saved_a("mul", b && b.requires_grad() ? a : Tensor{});
  const Saved saved_b("mul", a && a.requires_grad() ? b : Tensor{});
  return record("mul", combined(BinaryOp::mul, a, b), {a, b},
                [a_shape = a.shape(), b_shape = b.shape(), a = saved_a, b = saved_b](
                    const Tensor& dy, const Needs& needs) {
                  Gradients g(2);
                  if (needs[0]) g[0] = sum_to(mul(dy, b.get()), a_shape);
                  if (needs[1]) g[1] = sum_to(mul(dy, a.get()), b_shape);
                  return g;
                });
}

Tensor div(const Tensor& a, const Tensor& b) {
  const Tensor y = combined(BinaryOp::div, a, b);
  const Saved saved_y("div", b.requires_grad() ? y : Tensor{});
  return record("div", y, {a, b},
                [a_shape = a.shape(), b_shape = b.shape(), b = Saved("div", b), y = saved_y](
                    const Tensor& dy, const Needs& needs) {
                  Gradients g(2);
                  const Tensor quotient = div(dy, b.get());
                  if (needs[0]) g[0] = sum_to(quotient, a_shape);
                  if (needs[1]) g[1] = scale(sum_to(mul(quotient, y.get()), b_shape), -1);
                  return g;
                });
}

}  // namespace tl
