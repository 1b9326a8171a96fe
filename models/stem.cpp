#include "models/stem.h"

#include "nn/plan_builder.h"

namespace tl {
namespace {

constexpr MaxPool2dOptions kPool{.kernel = 3, .stride = 2, .pad = 1};

std::unique_ptr<Conv2d> plain_conv(const StemOptions& stem, Generator& random, Placement where) {
  if (stem.kind == ResNetStem::deep_pool) return nullptr;
  const bool is_large = stem.kind == ResNetStem::conv7_pool;
  const Conv2dOptions options =
      is_large ? Conv2dOptions{.stride = 2, .pad = 3} : Conv2dOptions{.pad = 1};
  return std::make_unique<Conv2d>(stem.c_in, stem.channels[2], is_large ? 7 : 3, options, random,
                                  where);
}

std::unique_ptr<DeepConv> deep_conv(const StemOptions& stem, Generator& random, Placement where) {
  if (stem.kind != ResNetStem::deep_pool) return nullptr;
  return std::make_unique<DeepConv>(stem, random, where);
}

}  // namespace

DeepConv::DeepConv(const StemOptions& stem, Generator& random, Placement where)
    : conv0_(stem.c_in, stem.channels[0], 3, {.stride = 2, .pad = 1}, random, where),
      bn1_(stem.channels[0], where, {.epsilon = stem.epsilon}),
      conv3_(stem.channels[0], stem.channels[1], 3, {.pad = 1}, random, where),
      bn4_(stem.channels[1], where, {.epsilon = stem.epsilon}),
      conv6_(stem.channels[1], stem.channels[2], 3, {.pad = 1}, random, where) {
  add_module("0", conv0_);
  add_module("1", bn1_);
  add_module("3", conv3_);
  add_module("4", bn4_);
  add_module("6", conv6_);
}

Tensor DeepConv::forward(const Tensor& x) {
  Tensor y = bn1_.forward_relu(conv0_(x));
  y = bn4_.forward_relu(conv3_(y));
  return conv6_(y);
}

PlanValue DeepConv::lower_first(PlanBuilder& plan, const PlanValue& x) const {
  const PlanValue y = plan.conv(x, conv0_, &bn1_, {.relu = true});
  return plan.conv(y, conv3_, &bn4_, {.relu = true});
}

Stem::Stem(const StemOptions& stem, Generator& random, Placement where)
    : has_pool_(stem.kind != ResNetStem::conv3),
      plain_(plain_conv(stem, random, where)),
      deep_(deep_conv(stem, random, where)),
      bn1_(stem.channels[2], where, {.epsilon = stem.epsilon}) {}

Tensor Stem::forward(const Tensor& x) {
  const Tensor y = bn1_.forward_relu(conv()(x));
  return has_pool_ ? max_pool2d(y, kPool) : y;
}

PlanValue Stem::lower(PlanBuilder& plan, const PlanValue& x) const {
  const PlanValue y =
      deep_ ? plan.conv(deep_->lower_first(plan, x), deep_->last(), &bn1_, {.relu = true})
            : plan.conv(x, *plain_, &bn1_, {.relu = true});
  return has_pool_ ? plan.max_pool(y, kPool) : y;
}

}  // namespace tl
