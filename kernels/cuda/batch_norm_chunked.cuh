// What the forward and the backward half of batch_norm "chunked" share: the norm of a channel and
// the element-wise pass. batch_norm.cu says what it is all for.
#pragma once

#include "kernels/cuda/batch_norm.cuh"
#include "kernels/cuda/channel_reduce.cuh"
#include "kernels/cuda/dtypes.h"

namespace tl::TL_DEVICE_NAMESPACE::batch_norm_chunked {

using namespace batch_norm;

/// An element as it is computed with.
template <class T>
__device__ float read(const T* x, std::int64_t i) {
  return static_cast<float>(x[i]);
}

/// The normalised x of one channel. The one place where it is worked out: forward, and backward for
/// the ReLU, to the bit.
struct Norm {
  float mean, spread, scale, beta;

  __device__ Norm(const Parameters& p, std::int64_t c)
      : mean(p.mean[c]),
        spread(p.spread(c)),
        scale(p.gamma[c] * spread),
        beta(p.beta ? p.beta[c] : 0) {}
  __device__ float operator()(float x) const { return (x - mean) * scale + beta; }
};

/// y[i] = pass.channel(c)(i) for every element i of every channel c; y nullptr: what the pass
/// itself writes is all that is wanted. What depends on the channel alone is computed once per
/// thread.
template <class Pass, class T>
static __global__ void map_channels(Pass pass, T* y, std::int64_t rows, std::int64_t channels) {
  const ChannelTile tile(rows, channels);
  if (tile.channel >= channels) return;
  const auto value = pass.channel(tile.channel);
  for (std::int64_t row = tile.row; row < tile.end_row; row += kRowLanes) {
    const std::int64_t i = row * channels + tile.channel;
    const float result = value(i);
    if (y) y[i] = static_cast<T>(result);
  }
}

template <class Pass, class T>
void map(Stream stream, const BatchNormProblem& p, const Pass& pass, T* y) {
  if (p.rows == 0 || p.channels == 0) return;
  launch<map_channels<Pass, T>>(channel_tiles(p.rows, p.channels), dim3(kChannelLanes, kRowLanes),
                                0, native(stream), pass, y, p.rows, p.channels);
}

}  // namespace tl::TL_DEVICE_NAMESPACE::batch_norm_chunked
