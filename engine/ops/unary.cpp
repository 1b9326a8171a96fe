// unary: y = f(x), number by number. Formulas, gradients, and whether x or y is saved, are the
// table in kernels/elementwise.h.
#include "engine/ops.h"
#include "engine/ops/checks.h"

namespace tl {
namespace {

Tensor unary(const UnaryProblem& p, const Tensor& x) {
  const char* op = name_of(p.op);
  check_float(op, x);
  Tensor y = Tensor::empty_like(x);
  y.backend().elementwise.unary(y.stream(), p, x.readable(), y.writable());

  const SavedBy what = saved_by(p.op);
  const Saved saved(op, what == SavedBy::nothing ? Tensor{} : what == SavedBy::x ? x : y);
  return record(op, y, {x}, [p, what, saved](const Tensor& dy, const Needs&) {
    Tensor dx = Tensor::empty_like(dy);
    const ConstView view = what == SavedBy::nothing ? ConstView{} : saved.get().readable();
    dx.backend().elementwise.unary_backward(dx.stream(), p, view, dy.readable(), dx.writable());
    return Gradients{dx};
  });
}

}  // namespace

Tensor relu(const Tensor& x) { return unary({.op = UnaryOp::relu}, x); }
Tensor leaky_relu(const Tensor& x, double slope) {
  return unary({.op = UnaryOp::leaky_relu, .a = slope}, x);
}
Tensor exp(const Tensor& x) { return unary({.op = UnaryOp::exp}, x); }
Tensor log(const Tensor& x) { return unary({.op = UnaryOp::log}, x); }
Tensor sqrt(const Tensor& x) { return unary({.op = UnaryOp::sqrt}, x); }
Tensor tanh(const Tensor& x) { return unary({.op = UnaryOp::tanh}, x); }
Tensor sigmoid(const Tensor& x) { return unary({.op = UnaryOp::sigmoid}, x); }
Tensor clamp(const Tensor& x, double low, double high) {
  return unary({.op = UnaryOp::clamp, .a = low, .b = high}, x);
}
Tensor pow(const Tensor& x, double exponent) {
  return unary({.op = UnaryOp::pow, .a = exponent}, x);
}
Tensor scale(const Tensor& x, double a, double b) {
  return unary({.op = UnaryOp::scale, .a = a, .b = b}, x);
}

}  // namespace tl
