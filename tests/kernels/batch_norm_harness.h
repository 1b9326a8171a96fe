// How the tests of batch_norm call its kernels: inputs, buffers, one function per slot.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/backends.h"
#include "tests/support/device_buffer.h"
#include "tests/support/random.h"
#include "tests/support/run_variant.h"

namespace tl::test::batch_norm_harness {

using Values = std::vector<double>;

/// `residual` is read by problems with one. `y` is what backward is told that forward gave, where
/// it asks: any numbers of which half are 0, so that a mask from elsewhere shows.
struct BatchNormInputs {
  Values x, dy, gamma, beta, running_mean, running_var, residual, y;

  BatchNormInputs(const BatchNormProblem& p, double low, double high) {
    Random random(static_cast<std::uint64_t>(p.rows * 1000 + p.channels));
    x = random.uniform_vector(p.rows * p.channels, low, high);
    dy = random.uniform_vector(p.rows * p.channels);
    gamma = random.uniform_vector(p.channels, 0.5, 1.5);
    beta = random.uniform_vector(p.channels);
    running_mean = random.uniform_vector(p.channels, low, high);
    running_var = random.uniform_vector(p.channels, 0.5, 1.5);
    residual = random.uniform_vector(p.rows * p.channels, low, high);
    y = random.uniform_vector(p.rows * p.channels);
    for (double& value : y) value = std::max(value, 0.0);
  }
};

struct Trained {
  Values y, mean, inv_std, running_mean, running_var;
  bool operator==(const Trained&) const = default;
};
struct Gradients {
  Values dx, dgamma, dbeta, dresidual;  // the last one empty without a residual
  bool operator==(const Gradients&) const = default;
};

/// How the kernels are called: where buffers lie, and which of them are one: y and x, or y and the
/// residual; backward dx and dy, or dresidual and dy.
struct Manner {
  std::int64_t offset = 0;
  enum { apart, in_place, on_residual } overlap = apart;
};

/// Buffers of one backend and dtype.
struct Buffers {
  const Backend& b;
  DType dtype;
  Manner manner;
  DeviceBuffer operator()(const Values& values) const { return {b, dtype, values, manner.offset}; }
  DeviceBuffer operator()(std::int64_t size) const { return {b, dtype, size, manner.offset}; }
};

/// The buffer, where the problem has it, else nothing.
inline View given(bool wanted, const DeviceBuffer& buffer) {
  return wanted ? buffer.view() : View{};
}

/// Where forward is to write y.
inline const DeviceBuffer& y_of(const BatchNormProblem& p, Manner manner, const DeviceBuffer& x,
                                const DeviceBuffer& residual, const DeviceBuffer& y) {
  if (manner.overlap == Manner::in_place) return x;
  return manner.overlap == Manner::on_residual && p.residual ? residual : y;
}

/// What backward writes.
struct BackwardBuffers {
  const DeviceBuffer own_dx, own_dresidual, dgamma, dbeta;
  const DeviceBuffer &dx, &dresidual;
  const bool has_residual;

  BackwardBuffers(const BatchNormProblem& p, const Buffers& buffer, const Buffers& channel,
                  const DeviceBuffer& dy, Manner manner)
      : own_dx(buffer(p.rows * p.channels)),
        own_dresidual(buffer(p.rows * p.channels)),
        dgamma(channel(p.channels)),
        dbeta(channel(p.channels)),
        dx(manner.overlap == Manner::in_place ? dy : own_dx),
        dresidual(manner.overlap == Manner::on_residual && p.residual ? dy : own_dresidual),
        has_residual(p.residual) {}
  View wanted_dresidual() const { return given(has_residual, dresidual); }
  Gradients read() const {
    return {dx.read(), dgamma.read(), dbeta.read(), has_residual ? dresidual.read() : Values{}};
  }
};

template <class V>
Trained train(const Backend& b, const V& variant, const BatchNormProblem& p,
              const BatchNormInputs& in, Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), gamma = channel(in.gamma), beta = channel(in.beta),
                     residual = buffer(in.residual);
  const DeviceBuffer y = buffer(p.rows * p.channels), mean = channel(p.channels),
                     inv_std = channel(p.channels), running_mean = channel(in.running_mean),
                     running_var = channel(in.running_var);
  const DeviceBuffer& out = y_of(p, manner, x, residual, y);
  run_variant(b, variant, p,
              BatchNormTrainArgs{x,
                                 gamma,
                                 beta,
                                 out,
                                 mean,
                                 inv_std,
                                 running_mean,
                                 running_var,
                                 {},
                                 given(p.residual, residual)});
  return {out.read(), mean.read(), inv_std.read(), running_mean.read(), running_var.read()};
}

template <class V>
Gradients train_backward(const Backend& b, const V& variant, const BatchNormProblem& p,
                         const BatchNormInputs& in, const Values& mean_in, const Values& inv_std_in,
                         Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), y = buffer(in.y),
                     gamma = channel(in.gamma), beta = channel(in.beta), mean = channel(mean_in),
                     inv_std = channel(inv_std_in);
  const BackwardBuffers out(p, buffer, channel, dy, manner);
  run_variant(b, variant, p,
              BatchNormTrainBackwardArgs{x,
                                         dy,
                                         gamma,
                                         mean,
                                         inv_std,
                                         out.dx,
                                         out.dgamma,
                                         out.dbeta,
                                         {},
                                         given(p.relu && !p.residual, beta),
                                         given(p.relu && p.residual, y),
                                         out.wanted_dresidual()});
  return out.read();
}

template <class V>
Values eval(const Backend& b, const V& variant, const BatchNormProblem& p,
            const BatchNormInputs& in, Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), gamma = channel(in.gamma), beta = channel(in.beta),
                     mean = channel(in.running_mean), var = channel(in.running_var),
                     residual = buffer(in.residual), y = buffer(p.rows * p.channels);
  const DeviceBuffer& out = y_of(p, manner, x, residual, y);
  variant.run({}, p, {x, gamma, beta, mean, var, out, given(p.residual, residual)});
  return out.read();
}

template <class V>
Gradients eval_backward(const Backend& b, const V& variant, const BatchNormProblem& p,
                        const BatchNormInputs& in, Manner manner = {}) {
  const Buffers buffer{b, p.x_dtype, manner}, channel{b, p.stat_dtype, manner};
  const DeviceBuffer x = buffer(in.x), dy = buffer(in.dy), y = buffer(in.y),
                     gamma = channel(in.gamma), mean = channel(in.running_mean),
                     var = channel(in.running_var);
  const BackwardBuffers out(p, buffer, channel, dy, manner);
  run_variant(b, variant, p,
              BatchNormEvalBackwardArgs{x,
                                        dy,
                                        gamma,
                                        mean,
                                        var,
                                        out.dx,
                                        out.dgamma,
                                        out.dbeta,
                                        {},
                                        given(p.relu, y),
                                        out.wanted_dresidual()});
  return out.read();
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

/// The slot's naive kernel on `ref`, against which the others are held.
template <class Slot>
const auto& naive(Slot BatchNormKernels::*slot) {
  return (reference().batch_norm.*slot).all().front();
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

/// The manners that differ for the problem. On simt, which is slow, the largest problems have one.
inline std::vector<Manner> manners_of(const Backend& b, const BatchNormProblem& p) {
  if (b.name == std::string("simt") && p.rows * p.channels > 1 << 16) return {{}};
  std::vector<Manner> manners = {{}, {1}, {0, Manner::in_place}};
  if (p.residual) manners.push_back({0, Manner::on_residual});
  return manners;
}

}  // namespace tl::test::batch_norm_harness
