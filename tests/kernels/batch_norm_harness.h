// How the tests of batch_norm call its kernels: inputs, buffers, one function per slot.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/run_variant.h"

namespace tl::test::batch_norm_harness {

using Values = std::vector<double>;

struct Inputs {
  Values x, dy, gamma, beta, running_mean, running_var;

  Inputs(const BatchNormProblem& p, double low, double high) {
    Random random(static_cast<std::uint64_t>(p.rows * 1000 + p.channels));
    x = random.uniform_vector(p.rows * p.channels, low, high);
    dy = random.uniform_vector(p.rows * p.channels);
    gamma = random.uniform_vector(p.channels, 0.5, 1.5);
    beta = random.uniform_vector(p.channels);
    running_mean = random.uniform_vector(p.channels, low, high);
    running_var = random.uniform_vector(p.channels, 0.5, 1.5);
  }
};

struct Trained {
  Values y, mean, inv_std, running_mean, running_var;
  bool operator==(const Trained&) const = default;
};
struct Gradients {
  Values dx, dgamma, dbeta;
  bool operator==(const Gradients&) const = default;
};

/// How the kernels are called: where buffers lie, and which of them are one.
struct Manner {
  std::int64_t offset = 0;
  bool in_place = false;
};

/// Buffers of one backend and dtype.
struct Buffers {
  const Backend& b;
  DType dtype;
  Manner manner;
  DeviceBuffer operator()(const Values& values) const { return {b, dtype, values, manner.offset}; }
  DeviceBuffer operator()(std::int64_t size) const { return {b, dtype, size, manner.offset}; }
};

template <class V>
Trained train(const Backend& b, const V& variant, const BatchNormProblem& p, const Inputs& in,
              Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), gamma = channel(in.gamma), beta = channel(in.beta);
  const DeviceBuffer y = buffer(p.rows * p.channels), mean = channel(p.channels),
                     inv_std = channel(p.channels), running_mean = channel(in.running_mean),
                     running_var = channel(in.running_var);
  const DeviceBuffer& out = manner.in_place ? x : y;
  run_variant(
      b, variant, p,
      BatchNormTrainArgs{x, gamma, beta, out, mean, inv_std, running_mean, running_var, {}});
  return {out.read(), mean.read(), inv_std.read(), running_mean.read(), running_var.read()};
}

template <class V>
Gradients train_backward(const Backend& b, const V& variant, const BatchNormProblem& p,
                         const Inputs& in, const Values& mean_in, const Values& inv_std_in,
                         Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), gamma = channel(in.gamma),
                     beta = channel(in.beta), mean = channel(mean_in),
                     inv_std = channel(inv_std_in);
  const DeviceBuffer dx = buffer(p.rows * p.channels), dgamma = channel(p.channels),
                     dbeta = channel(p.channels);
  const DeviceBuffer& out = manner.in_place ? dy : dx;
  run_variant(
      b, variant, p,
      BatchNormTrainBackwardArgs{x, dy, gamma, mean, inv_std, out, dgamma, dbeta, {}, beta});
  return {out.read(), dgamma.read(), dbeta.read()};
}

template <class V>
Values eval(const Backend& b, const V& variant, const BatchNormProblem& p, const Inputs& in,
            Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), gamma = channel(in.gamma), beta = channel(in.beta),
                     mean = channel(in.running_mean), var = channel(in.running_var),
                     y = buffer(p.rows * p.channels);
  const DeviceBuffer& out = manner.in_place ? x : y;
  variant.run({}, p, {x, gamma, beta, mean, var, out});
  return out.read();
}

template <class V>
Gradients eval_backward(const Backend& b, const V& variant, const BatchNormProblem& p,
                        const Inputs& in, Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), gamma = channel(in.gamma),
                     mean = channel(in.running_mean), var = channel(in.running_var);
  const DeviceBuffer dx = buffer(p.rows * p.channels), dgamma = channel(p.channels),
                     dbeta = channel(p.channels);
  const DeviceBuffer& out = manner.in_place ? dy : dx;
  run_variant(b, variant, p,
              BatchNormEvalBackwardArgs{x, dy, gamma, mean, var, out, dgamma, dbeta, {}});
  return {out.read(), dgamma.read(), dbeta.read()};
}

/// Calls f(backend, variant) for every variant of `slot` that computes p.
template <class Slot, class F>
void for_each_variant(Slot BatchNormKernels::*slot, const BatchNormProblem& p, const F& f) {
  for (const Backend& b : tested_backends()) {
    for (const auto& variant : (b.batch_norm.*slot).all()) {
      if (!variant.supports(p)) continue;
      CAPTURE(std::string(b.name));
      CAPTURE(std::string(variant.name));
      f(b, variant);
    }
  }
}

inline BatchNormProblem problem(std::int64_t rows, std::int64_t channels,
                                DType dtype = DType::f32) {
  BatchNormProblem p;
  p.rows = rows;
  p.channels = channels;
  p.x_dtype = dtype;
  p.stat_dtype = parameter_dtype(dtype);
  return p;
}

// Prime rows, one past a chunk, channels that are no whole number of vectors, and rows == channels.
inline const std::int64_t kShapes[][2] = {{2, 1},      {3, 3},     {7, 17},    {17, 64},
                                          {64, 64},    {49, 130},  {1025, 16}, {4099, 3},
                                          {20000, 17}, {6007, 64}, {5, 1030}};
inline const Manner kManners[] = {{0, false}, {1, false}, {0, true}};

}  // namespace tl::test::batch_norm_harness
