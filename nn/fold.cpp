#include "nn/fold.h"

#include <cmath>

#include "nn/layers.h"

namespace tl {

FoldedFilter fold(const Conv2d& conv, const BatchNorm2d* norm) {
  if (!norm) return {conv.weight.detached(), conv.bias ? conv.bias.detached() : Tensor()};
  const std::int64_t c_out = conv.weight.shape()[0];
  check(norm->tensors.gamma.size() == c_out, "frozen: a batch norm of ", norm->tensors.gamma.size(),
        " channels follows a convolution to ", c_out);
  const auto gamma = norm->tensors.gamma.to_vector<double>();
  const auto beta = norm->tensors.beta.to_vector<double>();
  const auto mean = norm->tensors.running_mean.to_vector<double>();
  const auto var = norm->tensors.running_var.to_vector<double>();
  auto w = conv.weight.to_vector<double>();
  std::vector<double> bias =
      conv.bias ? conv.bias.to_vector<double>() : std::vector<double>(gamma.size(), 0);
  const std::size_t filter = w.size() / gamma.size();  // a problem's filter is never empty
  for (std::size_t co = 0; co < gamma.size(); ++co) {
    const double scale = gamma[co] / std::sqrt(var[co] + norm->options.epsilon);
    for (std::size_t i = 0; i < filter; ++i) w[co * filter + i] *= scale;
    bias[co] = beta[co] + (bias[co] - mean[co]) * scale;
  }
  const DType dtype = conv.weight.dtype();
  const Device device = conv.weight.device();
  return {Tensor::from(w, conv.weight.shape(), dtype, device),
          Tensor::from(bias, {c_out}, dtype, device)};
}

}  // namespace tl
