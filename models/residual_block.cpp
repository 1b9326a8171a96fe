#include "models/residual_block.h"

#include "nn/frozen.h"

namespace tl {

Shortcut::Shortcut(std::int64_t c_in, std::int64_t c_out, std::int64_t stride, Generator& random,
                   Placement where) {
  if (stride == 1 && c_in == c_out) return;
  conv_ = &modules.append<Conv2d>(c_in, c_out, 1, Conv2dOptions{.stride = stride}, random, where);
  norm_ = &modules.append<BatchNorm2d>(c_out, where);
}

Tensor Shortcut::forward(const Tensor& x) { return is_identity() ? x : modules(x); }

PlanValue Shortcut::lower(PlanBuilder& plan, const PlanValue& x) const {
  return is_identity() ? x : plan.conv(x, *conv_, norm_);
}

BasicBlock::BasicBlock(std::int64_t c_in, std::int64_t width, std::int64_t stride,
                       Generator& random, Placement where)
    : conv1_(c_in, width, 3, {.stride = stride, .pad = 1}, random, where),
      bn1_(width, where),
      conv2_(width, width, 3, {.pad = 1}, random, where),
      bn2_(width, where),
      shortcut_(c_in, width, stride, random, where) {
  add_module("conv1", conv1_);
  add_module("bn1", bn1_);
  add_module("conv2", conv2_);
  add_module("bn2", bn2_);
  add_module("downsample", shortcut_.modules);
}

Tensor BasicBlock::forward(const Tensor& x) {
  Tensor y = relu(bn1_(conv1_(x)));
  y = bn2_(conv2_(y));
  return relu(add(y, shortcut_.forward(x)));
}

PlanValue BasicBlock::lower(PlanBuilder& plan, const PlanValue& x) const {
  const PlanValue residual = shortcut_.lower(plan, x);
  const PlanValue y = plan.conv(x, conv1_, &bn1_, {.relu = true});
  return plan.conv(y, conv2_, &bn2_, {.residual = &residual, .relu = true});
}

Bottleneck::Bottleneck(std::int64_t c_in, std::int64_t width, std::int64_t stride,
                       Generator& random, Placement where)
    : conv1_(c_in, width, 1, {}, random, where),
      bn1_(width, where),
      conv2_(width, width, 3, {.stride = stride, .pad = 1}, random, where),
      bn2_(width, where),
      conv3_(width, kExpansion * width, 1, {}, random, where),
      bn3_(kExpansion * width, where),
      shortcut_(c_in, kExpansion * width, stride, random, where) {
  add_module("conv1", conv1_);
  add_module("bn1", bn1_);
  add_module("conv2", conv2_);
  add_module("bn2", bn2_);
  add_module("conv3", conv3_);
  add_module("bn3", bn3_);
  add_module("downsample", shortcut_.modules);
}

Tensor Bottleneck::forward(const Tensor& x) {
  Tensor y = relu(bn1_(conv1_(x)));
  y = relu(bn2_(conv2_(y)));
  y = bn3_(conv3_(y));
  return relu(add(y, shortcut_.forward(x)));
}

PlanValue Bottleneck::lower(PlanBuilder& plan, const PlanValue& x) const {
  const PlanValue residual = shortcut_.lower(plan, x);
  PlanValue y = plan.conv(x, conv1_, &bn1_, {.relu = true});
  y = plan.conv(y, conv2_, &bn2_, {.relu = true});
  return plan.conv(y, conv3_, &bn3_, {.residual = &residual, .relu = true});
}

}  // namespace tl
