// Numeric gradients, on `ref` in f64: what every analytic gradient is held against.
//
// For a tensor function y = f(x_1, x_2, ...) the scalar is L = sum of c * y with a random cotangent
// c (a plain sum is blind: that of a softmax is constant). The central difference
//   dL/dx = (L(x + h) - L(x - h)) / 2h,   error about h^2 L''' / 6 + 1e-16 |L| / h,
// with h = 1e-5 is good to about 1e-10 where L is of order 1; the bound of 1e-6, relative to the
// tensor's largest numeric gradient, leaves room for steep functions and none for a wrong formula.
// It means something only where f is smooth within h: inputs are to be kept away from kinks (ReLU)
// and ties (max). Whole networks cannot be: there see network_gradcheck.h.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "engine/autograd.h"
#include "engine/tensor.h"
#include "tests/support/random.h"

namespace tl::test {

/// A tensor as a test writes it down.
struct Input {
  Shape shape;
  std::vector<double> values;
};

using TensorFunction = std::function<Tensor(const std::vector<Tensor>&)>;

inline constexpr double kGradientBound = 1e-6;

inline Tensor f64_tensor(const Input& input) {
  return Tensor::from(input.values, input.shape, DType::f64, Device::ref);
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// max |analytic - numeric| / max |numeric|; NaN if there is one in either.
inline double gradient_error(const std::vector<double>& analytic,
                             const std::vector<double>& numeric) {
  REQUIRE(analytic.size() == numeric.size());
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < numeric.size(); ++i) {
    const double d = std::abs(analytic[i] - numeric[i]);
    if (!(d <= difference)) difference = d;  // lets a NaN in, and never out again
    largest = std::max(largest, std::abs(numeric[i]));
  }
  return difference / largest;
}

/// Checks the gradient of every input of f.
inline void check_gradients(const std::vector<Input>& inputs, const TensorFunction& f,
                            double step = 1e-5) {
  std::vector<Tensor> x;
  for (const Input& input : inputs) x.push_back(f64_tensor(input).set_requires_grad());
  const Tensor y = f(x);
  Random random(17);
  const std::vector<double> c = random.uniform_vector(y.size());
  backward(y, Tensor::from(c, y.shape(), DType::f64, Device::ref));

  NoGrad no_grad;
  std::vector<Tensor> at;
  for (const Input& input : inputs) at.push_back(f64_tensor(input));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    INFO(concat("gradient of input ", i, " ", inputs[i].shape));
    REQUIRE(x[i].grad());
    std::vector<double> numeric;
    for (std::size_t j = 0; j < inputs[i].values.size(); ++j) {
      const auto loss_at = [&](double offset) {
        Input moved = inputs[i];
        moved.values[j] += offset;
        at[i] = f64_tensor(moved);
        return dot(c, f(at).to_vector<double>());
      };
      numeric.push_back((loss_at(step) - loss_at(-step)) / (2 * step));
    }
    at[i] = f64_tensor(inputs[i]);
    const double error = gradient_error(x[i].grad().to_vector<double>(), numeric);
    INFO("error ", error);
    CHECK(error <= kGradientBound);  // false for NaN: also when every numeric gradient is 0
  }
}

}  // namespace tl::test
