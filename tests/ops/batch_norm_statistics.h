// What the tests of batch_norm and batch_norm_add_relu share.
#pragma once

#include "engine/ops.h"
#include "tests/support/random.h"

namespace tl::test {

inline constexpr BatchNormOptions kBatchNormOptions{.epsilon = 1e-3, .momentum = 0.25};

/// Running statistics on x's device: made anew for every call, because training moves them.
inline BatchNormTensors with_statistics(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  const std::int64_t channels = gamma.size();
  Random random(static_cast<std::uint64_t>(channels));
  const auto mean = random.uniform_vector(channels);
  const auto var = random.uniform_vector(channels, 0.5, 1.5);
  return {gamma, beta, Tensor::from(mean, {channels}, gamma.dtype(), x.device()),
          Tensor::from(var, {channels}, gamma.dtype(), x.device())};
}

}  // namespace tl::test
