#include "nn/fold.h"

#include <cmath>

#include "kernels/parallel_for.h"
#include "nn/layers.h"

namespace tl {
namespace {

/// w[co] * scale[co], by the host.
Tensor scaled_filters(const Tensor& w, const std::vector<double>& scale) {
  const bool is_here = memory_space(w.device()) == MemorySpace::host;
  const Tensor from = is_here ? w : w.to(Device::ref, w.dtype());
  const Tensor scaled = Tensor::empty_like(from);
  const std::int64_t filters = w.shape()[0], filter = w.size() / filters;
  with_float("frozen: a filter", w.dtype(), [&]<class T>(T) {
    const T* x = from.readable().as<T>();
    T* y = scaled.writable().as<T>();
    parallel_for(filters, [&](std::int64_t co, int) {
      const double factor = scale[static_cast<std::size_t>(co)];
      for (std::int64_t i = co * filter; i < (co + 1) * filter; ++i)
        y[i] = static_cast<T>(static_cast<double>(x[i]) * factor);
    });
  });
  return scaled.to(w.device(), w.dtype());
}

}  // namespace

FoldedFilter fold(const Conv2d& conv, const BatchNorm2d* norm) {
  const Tensor weight = conv.weight.detached();
  if (!norm) return {weight, conv.bias ? conv.bias.detached() : Tensor()};
  const std::int64_t c_out = weight.shape()[0];
  check(norm->tensors.gamma.size() == c_out, "frozen: a batch norm of ", norm->tensors.gamma.size(),
        " channels follows a convolution to ", c_out);
  const auto gamma = norm->tensors.gamma.to_vector<double>();
  const auto beta = norm->tensors.beta.to_vector<double>();
  const auto mean = norm->tensors.running_mean.to_vector<double>();
  const auto var = norm->tensors.running_var.to_vector<double>();
  std::vector<double> scale(gamma.size());
  std::vector<double> bias =
      conv.bias ? conv.bias.to_vector<double>() : std::vector<double>(gamma.size(), 0);
  for (std::size_t co = 0; co < gamma.size(); ++co) {
    scale[co] = gamma[co] / std::sqrt(var[co] + norm->options.epsilon);
    bias[co] = beta[co] + (bias[co] - mean[co]) * scale[co];
  }
  return {scaled_filters(weight, scale),
          Tensor::from(bias, {c_out}, weight.dtype(), weight.device())};
}

}  // namespace tl
