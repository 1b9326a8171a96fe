// What stands before the blocks of a ResNet: "conv1", "bn1", ReLU and, but for small pictures, a
// max pooling.
#pragma once

#include <array>
#include <memory>

#include "nn/layers.h"

namespace tl {

/// conv7_pool: a 7x7 convolution and a 3x3 max pooling, both of stride 2. conv3: a 3x3 convolution
/// of stride 1. deep_pool: three 3x3 convolutions, the first of stride 2, with batch norm and ReLU
/// between them ("conv1.0" to "conv1.6"), and that pooling (He et al., "Bag of Tricks for Image
/// Classification", 2018, ResNet-C).
enum class ResNetStem { conv7_pool, conv3, deep_pool };

struct StemOptions {
  ResNetStem kind = ResNetStem::conv7_pool;
  std::int64_t c_in = 3;
  std::array<std::int64_t, 3> channels =
      {};                 ///< the last is the result's; the others: of deep_pool
  double epsilon = 1e-5;  ///< of every batch norm
};

/// A deep stem's "conv1".
class DeepConv : public Module {
 public:
  DeepConv(const StemOptions& stem, Generator& random, Placement where);
  Tensor forward(const Tensor& x) override;
  /// All but the last convolution.
  PlanValue lower_first(PlanBuilder& plan, const PlanValue& x) const;
  const Conv2d& last() const { return conv6_; }

 private:
  Conv2d conv0_;
  BatchNorm2d bn1_;
  Conv2d conv3_;
  BatchNorm2d bn4_;
  Conv2d conv6_;
};

class Stem {
 public:
  Stem(const StemOptions& stem, Generator& random, Placement where);
  Tensor forward(const Tensor& x);
  PlanValue lower(PlanBuilder& plan, const PlanValue& x) const;

  Module& conv() { return deep_ ? static_cast<Module&>(*deep_) : *plain_; }
  BatchNorm2d& norm() { return bn1_; }

 private:
  bool has_pool_;
  std::unique_ptr<Conv2d> plain_;   // either
  std::unique_ptr<DeepConv> deep_;  // or
  BatchNorm2d bn1_;
};

}  // namespace tl
