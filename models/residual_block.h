// The two kinds of residual block: y = relu(branch(x) + shortcut(x)).
#pragma once

#include <memory>

#include "nn/layers.h"

namespace tl {

/// Where the shape changes, the shortcut is a strided 1x1 convolution with batch norm, named
/// "downsample.0" and "downsample.1"; elsewhere it is x itself.
class Shortcut {
 public:
  Shortcut(std::int64_t c_in, std::int64_t c_out, std::int64_t stride, Generator& random,
           Placement where);
  Tensor forward(const Tensor& x);
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const;
  bool is_identity() const { return modules.empty(); }

  Sequential modules;

 private:
  const Conv2d* conv_ = nullptr;
  const BatchNorm2d* norm_ = nullptr;
};

/// 3x3 (with the stride), 3x3.
class BasicBlock : public Module {
 public:
  static constexpr std::int64_t kExpansion = 1;
  BasicBlock(std::int64_t c_in, std::int64_t width, std::int64_t stride, Generator& random,
             Placement where);
  Tensor forward(const Tensor& x) override;
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const override;

 private:
  Conv2d conv1_;
  BatchNorm2d bn1_;
  Conv2d conv2_;
  BatchNorm2d bn2_;
  Shortcut shortcut_;
};

/// 1x1 to `width`, 3x3 (with the stride), 1x1 to 4 * width.
class Bottleneck : public Module {
 public:
  static constexpr std::int64_t kExpansion = 4;
  Bottleneck(std::int64_t c_in, std::int64_t width, std::int64_t stride, Generator& random,
             Placement where);
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
