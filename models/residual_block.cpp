#include "models/residual_block.h"

#include "nn/plan_builder.h"

namespace tl {

namespace {

/// Every stride-th pixel of x [n, h, w, c], with zeros around its channels up to c_out.
Tensor subsample_and_pad(const Tensor& x, std::int64_t stride, std::int64_t c_out) {
  const std::int64_t missing = c_out - x.shape()[3], before = missing / 2;
  const Tensor rows = slice(x, 1, 0, x.shape()[1], stride);
  const Tensor pixels = slice(rows, 2, 0, x.shape()[2], stride);
  return pad(pixels, {0, 0, 0, before}, {0, 0, 0, missing - before});
}

AveragePool2dOptions average_over(std::int64_t stride) {
  return {.kernel = stride, .ceil_mode = true, .count_include_pad = false};
}

BatchNormOptions norm_of(const BlockOptions& block) { return {.epsilon = block.epsilon}; }

/// The stride of a bottleneck's convolution `which`.
std::int64_t stride_in(const BlockOptions& block, BottleneckStride which) {
  return block.bottleneck_stride == which ? block.stride : 1;
}

}  // namespace

Shortcut::Shortcut(const BlockOptions& block, std::int64_t c_out, Generator& random,
                   Placement where)
    : is_identity_(block.stride == 1 && block.c_in == c_out),
      averages_(block.shortcut == ShortcutKind::option_d && block.stride != 1),
      stride_(block.stride),
      c_out_(c_out) {
  if (is_identity_ || block.shortcut == ShortcutKind::option_a) return;
  if (averages_) {
    modules.append<AveragePool2d>(average_over(block.stride));
  } else if (block.shortcut == ShortcutKind::option_d) {
    modules.append<Sequential>();  // of nothing: the names count on
  }
  const Conv2dOptions options{.stride = averages_ ? 1 : block.stride};
  conv_ = &modules.append<Conv2d>(block.c_in, c_out, 1, options, random, where);
  norm_ = &modules.append<BatchNorm2d>(c_out, where, norm_of(block));
}

Tensor Shortcut::forward(const Tensor& x) {
  if (is_identity_) return x;
  return conv_ ? modules.forward(x) : subsample_and_pad(x, stride_, c_out_);
}

PlanValue Shortcut::lower(PlanBuilder& plan, const PlanValue& x) const {
  if (is_identity_) return x;
  if (averages_) return plan.conv(plan.average_pool(x, average_over(stride_)), *conv_, norm_);
  if (conv_) return plan.conv(x, *conv_, norm_);
  const std::int64_t missing = c_out_ - x.shape[3], before = missing / 2;
  return plan.subsample(x, stride_, before, missing - before);
}

BasicBlock::BasicBlock(const BlockOptions& block, Generator& random, Placement where)
    : conv1_(block.c_in, block.width, 3, {.stride = block.stride, .pad = 1}, random, where),
      bn1_(block.width, where, norm_of(block)),
      conv2_(block.width, block.width, 3, {.pad = 1}, random, where),
      bn2_(block.width, where, norm_of(block)),
      shortcut_(block, kExpansion * block.width, random, where) {
  add_module("conv1", conv1_);
  add_module("bn1", bn1_);
  add_module("conv2", conv2_);
  add_module("bn2", bn2_);
  add_module("downsample", shortcut_.modules);
}

Tensor BasicBlock::forward(const Tensor& x) {
  Tensor y = bn1_.forward_relu(conv1_(x));
  y = conv2_(y);
  return bn2_.forward_add_relu(y, shortcut_.forward(x));
}

PlanValue BasicBlock::lower(PlanBuilder& plan, const PlanValue& x) const {
  const PlanValue y = plan.conv(x, conv1_, &bn1_, {.relu = true});
  const PlanValue residual = shortcut_.lower(plan, x);  // read soon, from a near cache
  return plan.conv(y, conv2_, &bn2_, {.residual = &residual, .relu = true});
}

Bottleneck::Bottleneck(const BlockOptions& block, Generator& random, Placement where)
    : conv1_(block.c_in, block.inner, 1, {.stride = stride_in(block, BottleneckStride::in_1x1)},
             random, where),
      bn1_(block.inner, where, norm_of(block)),
      conv2_(
          block.inner, block.inner, 3,
          {.stride = stride_in(block, BottleneckStride::in_3x3), .pad = 1, .groups = block.groups},
          random, where),
      bn2_(block.inner, where, norm_of(block)),
      conv3_(block.inner, kExpansion * block.width, 1, {}, random, where),
      bn3_(kExpansion * block.width, where, norm_of(block)),
      shortcut_(block, kExpansion * block.width, random, where) {
  add_module("conv1", conv1_);
  add_module("bn1", bn1_);
  add_module("conv2", conv2_);
  add_module("bn2", bn2_);
  add_module("conv3", conv3_);
  add_module("bn3", bn3_);
  add_module("downsample", shortcut_.modules);
}

Tensor Bottleneck::forward(const Tensor& x) {
  Tensor y = bn1_.forward_relu(conv1_(x));
  y = bn2_.forward_relu(conv2_(y));
  y = conv3_(y);
  return bn3_.forward_add_relu(y, shortcut_.forward(x));
}

PlanValue Bottleneck::lower(PlanBuilder& plan, const PlanValue& x) const {
  const PlanValue residual = shortcut_.lower(plan, x);
  PlanValue y = plan.conv(x, conv1_, &bn1_, {.relu = true});
  y = plan.conv(y, conv2_, &bn2_, {.relu = true});
  return plan.conv(y, conv3_, &bn3_, {.residual = &residual, .relu = true});
}

}  // namespace tl
