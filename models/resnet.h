// The ResNets, with torchvision's names and arithmetic: a stem, stages of residual blocks, the mean
// over the picture, and a linear head. Source: He et al., "Deep Residual Learning for Image
// Recognition", 2015. Read resnet_config.h first: it says which networks there are.
#pragma once

#include "models/resnet_config.h"
#include "nn/layers.h"

namespace tl {

class ResNet : public Module {
 public:
  ResNet(const ResNetConfig& config, Generator& random, Placement where = {});

  /// x [n, h, w, in_channels] to logits [n, classes].
  Tensor forward(const Tensor& x) override { return fc(features(x)); }
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

  /// What the head sees: [n, feature_count].
  Tensor features(const Tensor& x);
  PlanValue lower_features(PlanBuilder& plan, const PlanValue& x) const;

  const ResNetConfig config;

  /// What features() computes in, after x has been cast to it; of the parameters' dtype at the
  /// start. bf16 with f32 parameters is mixed precision: activations and their gradients are bf16,
  /// while parameters, their gradients, batch norm's statistics and the head stay f32.
  DType activation_dtype;

 private:
  Stem stem_;
  std::vector<Sequential> stages_;

 public:
  Linear fc;  ///< the head
};

/// Sets gamma of each block's last batch norm to 0: every block begins as its shortcut, which helps
/// deep networks to start. Source: Goyal et al., "Accurate, Large Minibatch SGD", 2017, 5.1
/// (PyTorch: zero_init_residual).
void zero_last_gammas(const ResNet& network);

}  // namespace tl
