// The two kinds of residual block: y = relu(branch(x) + shortcut(x)).
#pragma once

#include "nn/layers.h"

namespace tl {

/// What stands on the shortcut where the shape changes; elsewhere it is x itself. The names are
/// those of the source: He et al., "Deep Residual Learning for Image Recognition", 2015, 3.3.
/// option_a: every `stride`-th pixel, with channels of zeros in equal numbers before and after the
/// old ones (where published CIFAR networks have them): no parameters.
/// option_b: a strided 1x1 convolution with batch norm, "downsample.0" and "downsample.1".
/// option_d: where there is a stride, the mean of every 2x2 pixels (fewer at an odd border), then a
/// 1x1 convolution with batch norm, "downsample.1" and "downsample.2" (He et al., "Bag of Tricks
/// for Image Classification", 2018, ResNet-D).
enum class ShortcutKind { option_a, option_b, option_d };

/// Which convolution of a bottleneck has the stride: the 3x3 one ("v1.5": torchvision, timm,
/// Hugging Face), or the first 1x1 one ("v1": He et al., Caffe, Keras).
enum class BottleneckStride { in_3x3, in_1x1 };

struct BlockOptions {
  std::int64_t c_in = 1;
  std::int64_t width = 1;  ///< a basic block's output; a quarter of a bottleneck's
  std::int64_t inner = 1;  ///< channels of a bottleneck's 3x3 convolution
  std::int64_t stride = 1;
  std::int64_t groups = 1;  ///< of that convolution
  ShortcutKind shortcut = ShortcutKind::option_b;
  BottleneckStride bottleneck_stride = BottleneckStride::in_3x3;
  double epsilon = 1e-5;  ///< of every batch norm
};

class Shortcut {
 public:
  Shortcut(const BlockOptions& block, std::int64_t c_out, Generator& random, Placement where);
  Tensor forward(const Tensor& x);
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const;

  Sequential modules;  ///< of options b and d

 private:
  bool is_identity_, averages_;
  std::int64_t stride_, c_out_;
  const Conv2d* conv_ = nullptr;
  const BatchNorm2d* norm_ = nullptr;
};

/// 3x3 (with the stride), 3x3.
class BasicBlock : public Module {
 public:
  static constexpr std::int64_t kExpansion = 1;
  BasicBlock(const BlockOptions& block, Generator& random, Placement where);
  Tensor forward(const Tensor& x) override;
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  Shortcut shortcut_;
};

/// 1x1 to `inner`, 3x3 in `groups`, 1x1 to 4 * width; the stride is in the first or the second.
class Bottleneck : public Module {
 public:
  static constexpr std::int64_t kExpansion = 4;
  Bottleneck(const BlockOptions& block, Generator& random, Placement where);
  Tensor forward(const Tensor& x) override;
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  Conv2d conv3_;
  BatchNorm2d bn3_;
  Shortcut shortcut_;
};

}  // namespace tl
