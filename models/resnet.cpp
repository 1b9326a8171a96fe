#include "models/resnet.h"

#include "models/residual_block.h"
#include "nn/frozen.h"

namespace tl {
namespace {

struct NamedConfig {
  const char* name;
  ResNetBlock block;
  std::array<int, 4> depths;
};
constexpr NamedConfig kConfigs[] = {
    {"resnet18", ResNetBlock::basic, {2, 2, 2, 2}},
    {"resnet50", ResNetBlock::bottleneck, {3, 4, 6, 3}},
};

constexpr MaxPool2dOptions kStemPool{.kernel = 3, .stride = 2, .pad = 1};

template <class Block>
void fill_stage(Sequential& stage, std::int64_t c_in, std::int64_t width, int depth,
                std::int64_t stride, Generator& random, Placement where) {
  for (int i = 0; i < depth; ++i) {
    stage.append<Block>(i == 0 ? c_in : Block::kExpansion * width, width, i == 0 ? stride : 1,
                        random, where);
  }
}

}  // namespace

ResNetConfig resnet_config(const std::string& name) {
  std::string known;
  for (const NamedConfig& c : kConfigs) {
    if (name == c.name) return {.block = c.block, .depths = c.depths};
    known += (known.empty() ? "" : ", ") + std::string(c.name);
  }
  throw Error(concat("architecture '", name, "': known are ", known));
}

std::string name_of(const ResNetConfig& config) {
  for (const NamedConfig& c : kConfigs) {
    if (config.block == c.block && config.depths == c.depths && config.width == 64) return c.name;
  }
  const auto& d = config.depths;
  return concat("resnet ", config.block == ResNetBlock::basic ? "basic" : "bottleneck", " [", d[0],
                ", ", d[1], ", ", d[2], ", ", d[3], "] width ", config.width);
}

ResNetConfig recognise_resnet(const std::map<std::string, Shape>& file) {
  const auto shape_of = [&](const std::string& name) {
    const auto found = file.find(name);
    check(found != file.end(), "no ResNet: there is no tensor ", name);
    return found->second;
  };
  const Shape stem = shape_of("conv1.weight");
  check(stem.rank() == 4 && stem.size() > 0, "no ResNet: conv1.weight has shape ", stem);
  ResNetConfig config;
  config.width = stem[0];
  config.in_channels = stem[1];
  config.block =
      file.contains("layer1.0.conv3.weight") ? ResNetBlock::bottleneck : ResNetBlock::basic;
  for (int stage = 0; stage < 4; ++stage) {
    int& depth = config.depths[static_cast<std::size_t>(stage)];
    const std::int64_t width = config.width << stage;
    depth = 0;
    while (depth == 0 || file.contains(concat("layer", stage + 1, ".", depth, ".conv2.weight"))) {
      // About half of all weights are in these filters: a network of this configuration is not much
      // larger than the file, whatever the stem claims.
      const std::string name = concat("layer", stage + 1, ".", depth, ".conv2.weight");
      const Shape expected{width, width, 3, 3};
      check(shape_of(name) == expected, "no ResNet of width ", config.width, ": ", name,
            " has shape ", shape_of(name), ", not ", expected);
      ++depth;
    }
  }
  const auto head = file.find("fc.weight");
  if (head != file.end()) {
    check(head->second.rank() == 2 && head->second.size() > 0, "no ResNet: fc.weight has shape ",
          head->second);
    config.classes = head->second[0];
  } else {
    config.classes = 0;
  }
  return config;
}

ResNet::ResNet(const ResNetConfig& c, Generator& random, Placement where)
    : config(c),
      conv1_(c.in_channels, c.width, 7, {.stride = 2, .pad = 3}, random, where),
      bn1_(c.width, where),
      fc(c.feature_count(), c.classes, random, where) {
  add_module("conv1", conv1_);
  add_module("bn1", bn1_);
  std::int64_t c_in = c.width;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const std::int64_t width = c.width << i, stride = i == 0 ? 1 : 2;
    if (c.block == ResNetBlock::basic) {
      fill_stage<BasicBlock>(stages_[i], c_in, width, c.depths[i], stride, random, where);
      c_in = BasicBlock::kExpansion * width;
    } else {
      fill_stage<Bottleneck>(stages_[i], c_in, width, c.depths[i], stride, random, where);
      c_in = Bottleneck::kExpansion * width;
    }
    add_module(concat("layer", i + 1), stages_[i]);
  }
  add_module("fc", fc);
}

Tensor ResNet::features(const Tensor& x) {
  Tensor y = max_pool2d(relu(bn1_(conv1_(x))), kStemPool);
  for (Sequential& stage : stages_) y = stage(y);
  return global_average_pool(y);
}

PlanValue ResNet::lower_features(PlanBuilder& plan, const PlanValue& x) const {
  PlanValue y = plan.max_pool(plan.conv(x, conv1_, &bn1_, {.relu = true}), kStemPool);
  for (const Sequential& stage : stages_) y = stage.lower(plan, y);
  return plan.global_average_pool(y);
}

PlanValue ResNet::lower(PlanBuilder& plan, const PlanValue& x) const {
  return fc.lower(plan, lower_features(plan, x));
}

}  // namespace tl
