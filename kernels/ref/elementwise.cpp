// elementwise: the contract of kernels/elementwise.h, one line per function.
#include <algorithm>
#include <cmath>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

template <class T>
T value_of(UnaryOp op, T x, T a, T b) {
  switch (op) {
    case UnaryOp::relu:
      return x <= 0 ? 0 : x;  // NaN <= 0 is false
    case UnaryOp::leaky_relu:
      return x > 0 ? x : a * x;
    case UnaryOp::exp:
      return std::exp(x);
    case UnaryOp::log:
      return std::log(x);
    case UnaryOp::sqrt:
      return std::sqrt(x);
    case UnaryOp::tanh:
      return std::tanh(x);
    case UnaryOp::sigmoid:
      return 1 / (1 + std::exp(-x));
    case UnaryOp::clamp:
      return std::min(std::max(x, a),
                      b);  // a NaN that comes first is what both return
    case UnaryOp::pow:
      return std::pow(x, a);
    case UnaryOp::scale:
      return a * x + b;
  }
  throw Error("elementwise.unary: no such function");
}

template <class T>
T gradient_of(UnaryOp op, T saved, T dy, T a, T b) {
  const T x = saved, y = saved;  // whichever saved_by(op) says
  switch (op) {
    case UnaryOp::relu:
      return y <= 0 ? 0 : dy;
    case UnaryOp::leaky_relu:
      return x > 0 ? dy : a * dy;
    case UnaryOp::exp:
      return dy * y;
    case UnaryOp::log:
      return dy / x;
    case UnaryOp::sqrt:
      return dy / (2 * y);
    case UnaryOp::tanh:
      return dy * (1 - y * y);
    case UnaryOp::sigmoid:
      return dy * y * (1 - y);
    case UnaryOp::clamp:
      return a <= x && x <= b ? dy : 0;
    case UnaryOp::pow:
      return a == 0 ? 0 : dy * (a * std::pow(x, a - 1));
    case UnaryOp::scale:
      return a * dy;
  }
  throw Error("elementwise.unary_backward: no such function");
}

void unary(Stream, const UnaryProblem& p, ConstView x_view, View y_view) {
  with_float_or_bf16(name_of(p.op), y_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    const A a = static_cast<A>(p.a), b = static_cast<A>(p.b);
    for (std::int64_t i = 0; i < y_view.size; ++i) {
      y[i] = static_cast<T>(value_of<A>(p.op, x[i], a, b));
    }
  });
}

void unary_backward(Stream, const UnaryProblem& p, ConstView saved_view, ConstView dy_view,
                    View dx_view) {
  with_float_or_bf16(name_of(p.op), dx_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* saved = saved_by(p.op) == SavedBy::nothing ? nullptr : saved_view.as<T>();
    const T* dy = dy_view.as<T>();
    T* dx = dx_view.as<T>();
    const A a = static_cast<A>(p.a), b = static_cast<A>(p.b);
    for (std::int64_t i = 0; i < dx_view.size; ++i) {
      const A x_or_y = saved ? A{saved[i]} : 0;
      dx[i] = static_cast<T>(gradient_of<A>(p.op, x_or_y, dy[i], a, b));
    }
  });
}

/// Where element i of y lies in an input with these steps.
std::int64_t offset_of(const BinaryProblem& p, const BinaryProblem::Dims& steps, std::int64_t i) {
  std::int64_t offset = 0;
  for (auto k = static_cast<std::size_t>(p.rank); k-- > 0; i /= p.extents[k]) {
    offset += i % p.extents[k] * steps[k];
  }
  return offset;
}

template <class T>
T value_of(BinaryOp op, T a, T b) {
  switch (op) {
    case BinaryOp::add:
      return a + b;
    case BinaryOp::sub:
      return a - b;
    case BinaryOp::mul:
      return a * b;
    case BinaryOp::div:
      return a / b;
  }
  throw Error("elementwise.binary: no such function");
}

void binary(Stream, const BinaryProblem& p, ConstView a_view, ConstView b_view, View y_view) {
  with_float_or_bf16(name_of(p.op), y_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const T* a = a_view.as<T>();
    const T* b = b_view.as<T>();
    T* y = y_view.as<T>();
    for (std::int64_t i = 0; i < p.size(); ++i) {
      const A value =
          value_of<A>(p.op, a[offset_of(p, p.a_steps, i)], b[offset_of(p, p.b_steps, i)]);
      y[i] = static_cast<T>(value);
    }
  });
}

void accumulate(Stream, ConstView x_view, View y_view) {
  with_float_or_bf16("elementwise.accumulate", y_view.dtype, [&]<class T>(T) {
    const T* x = x_view.as<T>();
    T* y = y_view.as<T>();
    for (std::int64_t i = 0; i < y_view.size; ++i) y[i] = static_cast<T>(y[i] + x[i]);
  });
}

}  // namespace

void install_elementwise(Backend& b) {
  b.elementwise.unary = unary;
  b.elementwise.unary_backward = unary_backward;
  b.elementwise.binary = binary;
  b.elementwise.accumulate = accumulate;
}

}  // namespace tl::ref
