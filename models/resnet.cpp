#include "models/resnet.h"

#include "nn/frozen.h"

namespace tl {
namespace {

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
      stem_({c.stem, c.in_channels, c.stem_channels(), c.unseen.epsilon}, random, where),
      stages_(c.depths.size()),
      fc(c.feature_count(), c.classes, random, where) {
  add_module("conv1", stem_.conv());
  add_module("bn1", stem_.norm());
  std::int64_t c_in = c.stem_channels().back();
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
  Tensor y = stem_.forward(cast(x, activation_dtype));
  for (Sequential& stage : stages_) y = stage(y);
  return cast(global_average_pool(y), fc.weight.dtype());
}

PlanValue ResNet::lower_features(PlanBuilder& plan, const PlanValue& x) const {
  PlanValue y = stem_.lower(plan, x);
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
