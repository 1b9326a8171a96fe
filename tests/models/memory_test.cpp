// The memory of a training step: what is kept for backward is known tensor by tensor, so a tensor
// more shows.
#include <doctest/doctest.h>

#include "engine/allocator.h"
#include "engine/ops.h"
#include "models/resnet.h"
#include "nn/optimizer.h"

namespace tl::test {
namespace {

#ifndef TL_EXACT_ALLOCATION
TEST_CASE("memory: a step of ResNet-18 keeps one tensor per convolution and no more") {
  // Sizes of 9 * 2^k bytes, which the allocator does not round. On `ref`, which needs no scratch.
  constexpr std::int64_t kBatch = 8, kSize = 96, kWidth = 4;
  ResNetConfig config = resnet_config("resnet18");
  config.width = kWidth;
  Generator random(0);
  const Placement where{DType::f32, Device::ref};
  ResNet network(config, random, where);
  const Shape shape{kBatch, kSize, kSize, 3};
  const Tensor x = Tensor::from(random.normal(shape.size()), shape, where.dtype, where.device);
  const Tensor labels = Tensor::zeros({kBatch}, DType::i32, where.device);
  Sgd sgd(network.parameters(), 1e-3, {.momentum = 0.9});
  sgd.clip_gradient_norm(1);

  // In units of one tensor of layer1. The stem: its convolution is 4, the pooling 1, its positions
  // 1. A block of layer1 keeps its two convolutions and its own result; the later layers' tensors
  // are half as large each time, and their first block has the shortcut's convolution besides.
  constexpr std::int64_t kUnit = kBatch * (kSize / 4) * (kSize / 4) * kWidth * 4;
  constexpr std::int64_t kKept =
      kUnit * 6 + kUnit * 6 + kUnit * 7 / 2 + kUnit * 7 / 4 + kUnit * 7 / 8;
  std::int64_t gradients = 0;
  for (const NamedTensor& p : network.parameters()) gradients += 4 * p.tensor.size();

  const auto step = [&] {
    sgd.clear_gradients();
    backward(cross_entropy(network(x), labels));
    sgd.step();
  };
  step();  // whatever is made once
  const std::int64_t before = memory_stats(MemorySpace::host).current - gradients;
  reset_peak(MemorySpace::host);
  step();
  const std::int64_t peak = memory_stats(MemorySpace::host).peak - before;
  CHECK(peak >= kKept);
  // Gradients of parameters come while what is kept goes; the rest, statistics and the tensor in
  // hand, is small where the peak is, at the end of the network.
  CHECK(peak <= kKept + gradients);
}
#endif

}  // namespace
}  // namespace tl::test
