// What the variants of batch_norm share: what happens around the norm, that is the residual and the
// ReLU, forward and backward; and on the host, what they ask for, and those that lie in files of
// their own.
#pragma once

#include <cmath>

#include "kernels/backend.h"
#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

/// nullptr where the view is absent.
inline float* optional_floats(View v) { return v ? v.as<float>() : nullptr; }

namespace batch_norm {

/// Where the parameters of the channels lie; the spread as inv_std, or (inv_std nullptr) as var.
struct Parameters {
  const float* gamma;
  const float* beta;  // nullptr: 0
  const float* mean;
  const float* inv_std;
  const float* var;
  float epsilon;

  /// Those of the batch.
  static Parameters of_batch(ConstView gamma, ConstView beta, const float* mean,
                             const float* inv_std) {
    return {gamma.as<float>(), beta ? beta.as<float>() : nullptr, mean, inv_std, nullptr, 0};
  }
  /// The running ones.
  static Parameters of_running(const BatchNormProblem& p, ConstView gamma, ConstView beta,
                               ConstView mean, ConstView var) {
    return {gamma.as<float>(), beta ? beta.as<float>() : nullptr, mean.as<float>(), nullptr,
            var.as<float>(),   static_cast<float>(p.epsilon)};
  }

  __device__ float spread(std::int64_t c) const {
    return inv_std ? inv_std[c] : 1 / sqrtf(var[c] + epsilon);
  }
};

/// `value`, or 0 where y <= 0. A NaN in y stops nothing.
inline __device__ float unless_stopped(float y, float value) { return y <= 0 ? 0 : value; }

/// y = relu?(norm + residual?)
template <class T>
struct Epilogue {
  const T* residual;  // nullptr: none
  bool relu;

  Epilogue(const BatchNormProblem& p, ConstView view)
      : residual(p.residual ? view.as<T>() : nullptr), relu(p.relu) {}
  /// `addend`: the residual's element, if there is one.
  __device__ float operator()(float norm, float addend) const {
    const float y = residual ? norm + addend : norm;
    return relu ? unless_stopped(y, y) : y;
  }
};

/// dy on its way back: what the ReLU lets through of it, which is also the residual's gradient.
template <class T>
struct Incoming {
  const T* dy;
  const T* y;    // the ReLU's result; nullptr: there is no ReLU, or its y is made again from x
  T* dresidual;  // written by the first pass that reads dy; nullptr: not wanted
  bool relu;

  /// `args` of backward; is_y_given: whether y is among them where there is a ReLU.
  template <class Args>
  Incoming(const BatchNormProblem& p, const Args& args, bool is_y_given)
      : dy(args.dy.template as<T>()),
        y(p.relu && is_y_given ? args.y.template as<T>() : nullptr),
        dresidual(args.dresidual ? args.dresidual.template as<T>() : nullptr),
        relu(p.relu) {}

  __device__ float passed(float y_value, float dy_value) const {
    return relu ? unless_stopped(y_value, dy_value) : dy_value;
  }
  /// Of passes after the first one: they find what was let through in dresidual.
  Incoming after_first_pass() const {
    Incoming next = *this;
    if (dresidual) {
      next.dy = dresidual;
      next.y = nullptr;
      next.dresidual = nullptr;
      next.relu = false;
    }
    return next;
  }
};

}  // namespace batch_norm

inline bool batch_norm_supports(const BatchNormProblem& p) {
  return (p.x_dtype == DType::f32 || p.x_dtype == DType::bf16) && p.stat_dtype == DType::f32;
}

// Each adds its slots' variant to what b has.
void add_batch_norm_chunked_backward(Backend& b);
void add_batch_norm_register_tiles(Backend& b);
void add_batch_norm_register_tiles_backward(Backend& b);

}  // namespace tl::TL_DEVICE_NAMESPACE
