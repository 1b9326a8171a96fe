#include "models/resnet.h"

#include "nn/frozen.h"

namespace tl {
namespace {

constexpr MaxPool2dOptions kStemPool{.kernel = 3, .stride = 2, .pad = 1};

Conv2dOptions stem_options(ResNetStem stem) {
  return stem == ResNetStem::conv7_pool ? Conv2dOptions{.stride = 2, .pad = 3}
                                        : Conv2dOptions{.pad = 1};
}

/// Returns the channels of the stage's result.
template <class Block>
std::int64_t fill_stage(Sequential& stage, int depth, BlockOptions block, Generator& random,
                        Placement where) {
  for (int i = 0; i < depth; ++i) {
    stage.append<Block>(block, random, where);
    block.c_in = Block::kExpansion * block.width;
    block.stride = 1;
  }
  return block.c_in;
}

const ResNetConfig& checked(const ResNetConfig& config) {
  check_config(config);
  return config;
}

}  // namespace

ResNet::ResNet(const ResNetConfig& c, Generator& random, Placement where)
    : config(checked(c)),
      activation_dtype(where.dtype),
      conv1_(c.in_channels, c.width, c.stem == ResNetStem::conv7_pool ? 7 : 3, stem_options(c.stem),
             random, where),
      bn1_(c.width, where, {.epsilon = c.unseen.epsilon}),
      stages_(c.depths.size()),
      fc(c.feature_count(), c.classes, random, where) {
  add_module("conv1", conv1_);
  add_module("bn1", bn1_);
  std::int64_t c_in = c.width;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const BlockOptions block{.c_in = c_in,
                             .width = c.stage_width(i),
                             .inner = c.inner_width(i),
                             .stride = i == 0 ? 1 : 2,
                             .groups = c.groups,
                             .shortcut = c.shortcut,
                             .bottleneck_stride = c.unseen.bottleneck_stride,
                             .epsilon = c.unseen.epsilon};
    c_in = c.block == ResNetBlock::basic
               ? fill_stage<BasicBlock>(stages_[i], c.depths[i], block, random, where)
               : fill_stage<Bottleneck>(stages_[i], c.depths[i], block, random, where);
    add_module(concat("layer", i + 1), stages_[i]);
  }
  add_module("fc", fc);
}

Tensor ResNet::features(const Tensor& x) {
  Tensor y = bn1_.forward_relu(conv1_(cast(x, activation_dtype)));
  if (config.stem == ResNetStem::conv7_pool) y = max_pool2d(y, kStemPool);
  for (Sequential& stage : stages_) y = stage(y);
  return cast(global_average_pool(y), fc.weight.dtype());
}

PlanValue ResNet::lower_features(PlanBuilder& plan, const PlanValue& x) const {
  PlanValue y = plan.conv(x, conv1_, &bn1_, {.relu = true});
  if (config.stem == ResNetStem::conv7_pool) y = plan.max_pool(y, kStemPool);
  for (const Sequential& stage : stages_) y = stage.lower(plan, y);
  return plan.global_average_pool(y);
}

PlanValue ResNet::lower(PlanBuilder& plan, const PlanValue& x) const {
  return fc.lower(plan, lower_features(plan, x));
}

void zero_last_gammas(const ResNet& network) {
  const char* last =
      network.config.block == ResNetBlock::bottleneck ? ".bn3.weight" : ".bn2.weight";
  for (const NamedTensor& p : network.parameters()) {
    if (p.name.ends_with(last)) p.tensor.copy_from(Tensor::zeros_like(p.tensor));
  }
}

}  // namespace tl
