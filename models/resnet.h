// The ResNets, with torchvision's names and arithmetic: a stem, four stages of residual blocks, the
// mean over the picture, and a linear head. Source: He et al., "Deep Residual Learning for Image
// Recognition", 2015; the bottleneck has its stride in the 3x3 convolution ("v1.5").
#pragma once

#include <array>
#include <map>
#include <string>

#include "nn/layers.h"

namespace tl {

/// basic: two 3x3 convolutions. bottleneck: 1x1, 3x3, 1x1, the last 4 times as wide.
enum class ResNetBlock { basic, bottleneck };

struct ResNetConfig {
  ResNetBlock block = ResNetBlock::basic;
  std::array<int, 4> depths = {2, 2, 2, 2};  ///< blocks per stage
  std::int64_t width = 64;                   ///< channels of the first stage; doubles per stage
  std::int64_t in_channels = 3;
  std::int64_t classes = 1000;

  bool operator==(const ResNetConfig&) const = default;
  /// Columns of the head's input.
  std::int64_t feature_count() const {
    return 8 * width * (block == ResNetBlock::bottleneck ? 4 : 1);
  }
};

/// The configuration of that name ("resnet18", "resnet50"); throws, listing the names, otherwise.
ResNetConfig resnet_config(const std::string& name);
/// "resnet18", or for other configurations a description such as "resnet [1, 1, 1, 1] width 4".
std::string name_of(const ResNetConfig& config);

/// The configuration that tensors of these names and shapes (torchvision's, filters OIHW) belong
/// to; throws, saying what is missing, when they are no ResNet's. Without a head, classes is 0.
ResNetConfig recognise_resnet(const std::map<std::string, Shape>& file);

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

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  std::array<Sequential, 4> stages_;

 public:
  Linear fc;  ///< the head
};

}  // namespace tl
