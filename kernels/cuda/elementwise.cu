// elementwise: unary functions, their gradients and accumulate of kernels/elementwise.h, one struct
// per formula, run by map (map.cuh). The binary functions are in elementwise_binary.cu.
#include <cmath>

#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/install.h"
#include "kernels/cuda/map.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

/// Written so that NaN goes through: its comparisons are false.
template <UnaryOp op>
struct Value {
  float a, b;

  __device__ float operator()(float x) const {
    if constexpr (op == UnaryOp::relu) {
      return x <= 0 ? 0 : x;
    } else if constexpr (op == UnaryOp::leaky_relu) {
      return x > 0 ? x : a * x;
    } else if constexpr (op == UnaryOp::exp) {
      return expf(x);
    } else if constexpr (op == UnaryOp::log) {
      return logf(x);
    } else if constexpr (op == UnaryOp::sqrt) {
      return sqrtf(x);
    } else if constexpr (op == UnaryOp::tanh) {
      return tanhf(x);
    } else if constexpr (op == UnaryOp::sigmoid) {
      return 1 / (1 + expf(-x));
    } else if constexpr (op == UnaryOp::clamp) {
      const float raised = x < a ? a : x;
      return b < raised ? b : raised;
    } else if constexpr (op == UnaryOp::pow) {
      return powf(x, a);
    } else {
      static_assert(op == UnaryOp::scale);
      return a * x + b;
    }
  }
};

/// dx of what is saved, x or y, and of dy.
template <UnaryOp op>
struct Gradient {
  float a, b;

  __device__ float operator()(float saved, float dy) const {
    const float x = saved, y = saved;
    if constexpr (op == UnaryOp::relu) {
      return y <= 0 ? 0 : dy;
    } else if constexpr (op == UnaryOp::leaky_relu) {
      return x > 0 ? dy : a * dy;
    } else if constexpr (op == UnaryOp::exp) {
      return dy * y;
    } else if constexpr (op == UnaryOp::log) {
      return dy / x;
    } else if constexpr (op == UnaryOp::sqrt) {
      return dy / (2 * y);
    } else if constexpr (op == UnaryOp::tanh) {
      return dy * (1 - y * y);
    } else if constexpr (op == UnaryOp::sigmoid) {
      return dy * y * (1 - y);
    } else if constexpr (op == UnaryOp::clamp) {
      return a <= x && x <= b ? dy : 0;
    } else {
      static_assert(op == UnaryOp::pow);
      return a == 0 ? 0 : dy * (a * powf(x, a - 1));
    }
  }
};
template <>
struct Gradient<UnaryOp::scale> {
  float a, b;

  __device__ float operator()(float dy) const { return a * dy; }
};

struct Add {
  __device__ float operator()(float y, float x) const { return y + x; }
};

/// Calls f.operator()<op>().
template <class F>
void with_op(UnaryOp op, const F& f) {
  switch (op) {
    case UnaryOp::relu:
      return f.template operator()<UnaryOp::relu>();
    case UnaryOp::leaky_relu:
      return f.template operator()<UnaryOp::leaky_relu>();
    case UnaryOp::exp:
      return f.template operator()<UnaryOp::exp>();
    case UnaryOp::log:
      return f.template operator()<UnaryOp::log>();
    case UnaryOp::sqrt:
      return f.template operator()<UnaryOp::sqrt>();
    case UnaryOp::tanh:
      return f.template operator()<UnaryOp::tanh>();
    case UnaryOp::sigmoid:
      return f.template operator()<UnaryOp::sigmoid>();
    case UnaryOp::clamp:
      return f.template operator()<UnaryOp::clamp>();
    case UnaryOp::pow:
      return f.template operator()<UnaryOp::pow>();
    case UnaryOp::scale:
      return f.template operator()<UnaryOp::scale>();
  }
  throw Error("elementwise.unary: no such function");
}

void unary(Stream stream, const UnaryProblem& p, ConstView x, View y) {
  const float a = static_cast<float>(p.a), b = static_cast<float>(p.b);
  with_f32_or_bf16(name_of(p.op), y.dtype, [&]<class T>(T) {
    with_op(p.op, [&]<UnaryOp op>() {
      map(stream, Value<op>{a, b}, y.size, y.as<T>(), x.as<T>());
    });
  });
}

void unary_backward(Stream stream, const UnaryProblem& p, ConstView saved, ConstView dy, View dx) {
  const float a = static_cast<float>(p.a), b = static_cast<float>(p.b);
  with_f32_or_bf16(name_of(p.op), dx.dtype, [&]<class T>(T) {
    with_op(p.op, [&]<UnaryOp op>() {
      const Gradient<op> gradient = {a, b};
      if constexpr (saved_by(op) == SavedBy::nothing) {
        map(stream, gradient, dx.size, dx.as<T>(), dy.as<T>());
      } else {
        map(stream, gradient, dx.size, dx.as<T>(), saved.as<T>(), dy.as<T>());
      }
    });
  });
}

void accumulate(Stream stream, ConstView x, View y) {
  with_f32_or_bf16("elementwise.accumulate", y.dtype, [&]<class T>(T) {
    const T* before = y.as<T>();
    map(stream, Add{}, y.size, y.as<T>(), before, x.as<T>());
  });
}

}  // namespace

void install_elementwise(Backend& b) {
  b.elementwise.unary = unary;
  b.elementwise.unary_backward = unary_backward;
  b.elementwise.accumulate = accumulate;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
