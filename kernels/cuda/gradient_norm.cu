// gradient_norm: the contract of kernels/gradient_norm.h, in two kernels: the sum of squares of
// each chunk, many gradients per launch, then one block for the sum of all chunks, in their order.
#include <vector>

#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/install.h"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

/// One chunk of a gradient.
struct Chunk {
  const float* dw;
  int size;
};

struct ChunkList {
  static constexpr int kMost = 224;  // 4 KB of kernel parameters
  Chunk chunk[kMost];
};

__global__ void sum_squares(ChunkList list, double* sums) {
  const Chunk& chunk = list.chunk[blockIdx.x];
  double sum = 0;
  for (int i = threadIdx.x; i < chunk.size; i += kThreads) {
    const double g = chunk.dw[i];
    sum += g * g;
  }
  sum = block_reduce<kThreads>(sum, [](double a, double b) { return a + b; });
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void set_factor(std::int64_t chunks, const double* sums, double max_norm,
                           StepState* state) {
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < chunks; i += kThreads) sum += sums[i];
  sum = block_reduce<kThreads>(sum, [](double a, double b) { return a + b; });
  if (threadIdx.x > 0) return;
  const double norm = sqrt(sum);
  const double factor = max_norm / (norm + 1e-6);
  state->gradient_norm = norm;
  state->gradient_factor = factor > 1 ? 1 : factor;
}

void clip(Stream stream, double max_norm, std::span<const GradientNormTensor> tensors,
          View workspace, StepState* state) {
  const std::int64_t chunks = gradient_norm_chunks(tensors);
  double* sums = chunks > 0 ? workspace.as<double>() : nullptr;
  check(workspace.size >= chunks, "gradient_norm.clip: needs a workspace of ", chunks, " f64, got ",
        workspace.size);
  ChunkList list = {};
  unsigned count = 0;
  double* next = sums;
  const auto flush = [&] {
    if (count == 0) return;
    launch<sum_squares>(count, kThreads, 0, native(stream), list, next);
    next += count;
    count = 0;
  };
  for (const GradientNormTensor& tensor : tensors) {
    const float* dw = tensor.dw.as<float>();
    for (std::int64_t i = 0; i < tensor.dw.size; i += kGradientNormChunk) {
      if (count == ChunkList::kMost) flush();
      const std::int64_t size = std::min(kGradientNormChunk, tensor.dw.size - i);
      list.chunk[count++] = {dw + i, static_cast<int>(size)};
    }
  }
  flush();
  launch<set_factor>(1, kThreads, 0, native(stream), chunks, static_cast<const double*>(sums),
                     max_norm, state);
}

}  // namespace

void install_gradient_norm(Backend& b) { b.gradient_norm.clip = clip; }

}  // namespace tl::TL_DEVICE_NAMESPACE
