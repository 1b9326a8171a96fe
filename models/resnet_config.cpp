#include "models/resnet_config.h"

#include <charconv>

#include "models/weight_names.h"

namespace tl {
namespace {

struct NamedConfig {
  const char* name;
  ResNetConfig config;
};

const std::vector<NamedConfig>& named_configs() {
  constexpr auto kBasic = ResNetBlock::basic;
  constexpr auto kBottleneck = ResNetBlock::bottleneck;
  const auto grouped = [](std::vector<int> depths, std::int64_t groups, std::int64_t per_group) {
    return ResNetConfig{.block = ResNetBlock::bottleneck,
                        .depths = std::move(depths),
                        .groups = groups,
                        .width_per_group = per_group};
  };
  // 6 n + 2 layers: the stem, 3 stages of n blocks of 2, the head.
  const auto cifar = [](int n) {
    return ResNetConfig{.depths = {n, n, n},
                        .width = 16,
                        .classes = 10,
                        .stem = ResNetStem::conv3,
                        .shortcut = ShortcutKind::option_a};
  };
  static const std::vector<NamedConfig> configs = {
      {"resnet18", {.block = kBasic, .depths = {2, 2, 2, 2}}},
      {"resnet34", {.block = kBasic, .depths = {3, 4, 6, 3}}},
      {"resnet50", {.block = kBottleneck, .depths = {3, 4, 6, 3}}},
      {"resnet101", {.block = kBottleneck, .depths = {3, 4, 23, 3}}},
      {"resnet152", {.block = kBottleneck, .depths = {3, 8, 36, 3}}},
      {"wide_resnet50_2", grouped({3, 4, 6, 3}, 1, 128)},
      {"wide_resnet101_2", grouped({3, 4, 23, 3}, 1, 128)},
      {"resnext50_32x4d", grouped({3, 4, 6, 3}, 32, 4)},
      {"resnext101_32x8d", grouped({3, 4, 23, 3}, 32, 8)},
      {"resnext101_64x4d", grouped({3, 4, 23, 3}, 64, 4)},
      {"resnet20", cifar(3)},
      {"resnet32", cifar(5)},
      {"resnet44", cifar(7)},
      {"resnet56", cifar(9)},
      {"resnet110", cifar(18)},
  };
  return configs;
}

constexpr std::size_t kMostStages = 8;
/// Of channels and groups: no product of them overflows.
constexpr std::int64_t kMostChannels = std::int64_t{1} << 20;

std::string block_name(std::size_t stage, int block) {
  return concat("layer", stage + 1, ".", block, ".");
}

/// A file as recognise_resnet asks it.
class Shapes {
 public:
  explicit Shapes(const std::map<std::string, Shape>& file) : shapes_(with_usual_names(file)) {}

  bool has(const std::string& name) const { return shapes_.contains(name); }
  bool has_folder(const std::string& prefix) const {
    const auto first = shapes_.lower_bound(prefix);
    return first != shapes_.end() && first->first.starts_with(prefix);
  }
  const Shape& at(const std::string& name) const {
    const auto found = shapes_.find(name);
    check(found != shapes_.end(), "no ResNet: there is no tensor ", name,
          has("conv1.weight") ? "" : some_names());
    return found->second;
  }
  const std::map<std::string, Shape>& all() const { return shapes_; }

 private:
  std::string some_names() const {
    std::string text;
    std::size_t named = 0;
    for (auto it = shapes_.begin(); it != shapes_.end() && named < 3; ++it, ++named)
      text += (text.empty() ? ", its tensors are " : ", ") + it->first;
    return text + (shapes_.size() > 3 ? concat(" and ", shapes_.size() - 3, " more") : "");
  }

  std::map<std::string, Shape> shapes_;
};

void read_stem(const Shapes& file, ResNetConfig& config) {
  const Shape stem = file.at("conv1.weight");
  const bool is_filter = stem.rank() == 4 && stem.size() > 0 && stem[2] == stem[3] &&
                         (stem[2] == 7 || stem[2] == 3) && stem[0] <= kMostChannels;
  check(is_filter, "no ResNet: conv1.weight has shape ", stem,
        ", not [width, channels, 7, 7] or [width, channels, 3, 3]");
  config.width = stem[0];
  config.in_channels = stem[1];
  config.stem = stem[2] == 7 ? ResNetStem::conv7_pool : ResNetStem::conv3;
}

void read_depths(const Shapes& file, ResNetConfig& config) {
  std::size_t stages = 4;
  if (config.stem == ResNetStem::conv3) {
    stages = 1;
    while (stages <= kMostStages && file.has_folder(concat("layer", stages + 1, "."))) ++stages;
  }
  config.depths.assign(stages, 1);
  for (std::size_t stage = 0; stage < stages; ++stage) {
    int& depth = config.depths[stage];
    while (file.has(block_name(stage, depth) + "conv2.weight")) ++depth;
  }
  bool projects = false;
  for (const auto& [name, shape] : file.all())
    projects = projects || name.find(".downsample.") != std::string::npos;
  if (config.stem == ResNetStem::conv3 && !projects) config.shortcut = ShortcutKind::option_a;
}

/// groups and width_per_group, from the last stage: its widths round the least.
void read_groups(const Shapes& file, ResNetConfig& config) {
  const std::size_t last = config.depths.size() - 1;
  const std::string name = block_name(last, 0) + "conv2.weight";
  const Shape shape = file.at(name);
  check(shape.rank() == 4 && shape.size() > 0 && shape[0] % shape[1] == 0 &&
            shape[0] <= kMostChannels,
        "no ResNet: ", name, " has shape ", shape, ", not [c, c / groups, 3, 3]");
  config.groups = shape[0] / shape[1];
  const std::int64_t width = config.stage_width(last);
  config.width_per_group = (64 * shape[1] + width - 1) / width;
}

/// The filters of every block are those of the configuration. They are nearly all of the network:
/// it is not much larger than the file.
void check_blocks(const Shapes& file, const ResNetConfig& config) {
  const auto expect = [&](const std::string& name, const Shape& expected) {
    check(file.at(name) == expected, "no ResNet of width ", config.width, ": ", name, " has shape ",
          file.at(name), ", not ", expected);
  };
  std::int64_t c_in = config.width;
  for (std::size_t stage = 0; stage < config.depths.size(); ++stage) {
    const std::int64_t width = config.stage_width(stage), inner = config.inner_width(stage);
    for (int i = 0; i < config.depths[stage]; ++i) {
      const std::string block = block_name(stage, i);
      if (config.block == ResNetBlock::basic) {
        expect(block + "conv2.weight", {width, width, 3, 3});
        continue;
      }
      expect(block + "conv2.weight", {inner, inner / config.groups, 3, 3});
      expect(block + "conv1.weight", {inner, c_in, 1, 1});
      expect(block + "conv3.weight", {4 * width, inner, 1, 1});
      c_in = 4 * width;
    }
  }
}

/// In as few digits as name the number.
std::string text_of(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), x).ptr};
}

/// What shapes show.
std::string name_of_shapes(const ResNetConfig& config) {
  for (const NamedConfig& c : named_configs()) {
    ResNetConfig named = c.config;
    named.in_channels = config.in_channels;
    named.classes = config.classes;
    named.unseen = config.unseen;
    if (named == config) return c.name;
  }
  std::string depths;
  for (const int d : config.depths) depths += concat(depths.empty() ? "" : ", ", d);
  std::string text = concat("resnet ", config.block == ResNetBlock::basic ? "basic" : "bottleneck",
                            " [", depths, "] width ", config.width);
  if (config.groups != 1 || config.width_per_group != 64)
    text += concat(" groups ", config.groups, "x", config.width_per_group);
  if (config.stem == ResNetStem::conv3) text += " 3x3 stem";
  if (config.shortcut == ShortcutKind::option_a) text += " option A";
  return text;
}

}  // namespace

void check_config(const ResNetConfig& c) {
  const std::string name = name_of(c);
  check(!c.depths.empty() && c.depths.size() <= kMostStages, name, ": ", c.depths.size(),
        " stages, 1 to ", kMostStages, " are possible");
  for (const int depth : c.depths) check(depth >= 1, name, ": a stage without blocks");
  const auto in_range = [](std::int64_t n) { return n >= 1 && n <= kMostChannels; };
  check(in_range(c.width) && in_range(c.in_channels), name, ", ", c.in_channels,
        " input channels: width and channels are 1 to ", kMostChannels);
  check(c.classes >= 0, name, ": ", c.classes, " classes");
  check(c.block == ResNetBlock::bottleneck || (c.groups == 1 && c.width_per_group == 64), name,
        ": basic blocks have one group of 64");
  check(in_range(c.groups) && in_range(c.width_per_group) && c.inner_width(0) >= 1, name,
        ": a group would have no channel");
  check(
      c.block == ResNetBlock::bottleneck || c.unseen.bottleneck_stride == BottleneckStride::in_3x3,
      name, ": basic blocks have no 1x1 convolution to stride");
  check(c.unseen.epsilon > 0 && c.unseen.epsilon <= 1, name,
        ": batch norm's epsilon is above 0 and at most 1");
}

std::vector<std::string> resnet_names() {
  std::vector<std::string> names;
  for (const NamedConfig& c : named_configs()) names.emplace_back(c.name);
  return names;
}

ResNetConfig resnet_config(const std::string& name) {
  std::string known;
  for (const NamedConfig& c : named_configs()) {
    if (name == c.name) return c.config;
    known += (known.empty() ? "" : ", ") + std::string(c.name);
  }
  throw Error(concat("architecture '", name, "': known are ", known));
}

std::string name_of(const ResNetConfig& config) {
  const UnseenConfig usual;
  std::string text = name_of_shapes(config);
  if (config.unseen.bottleneck_stride != usual.bottleneck_stride) text += " v1";
  if (config.unseen.epsilon != usual.epsilon) text += " epsilon " + text_of(config.unseen.epsilon);
  return text;
}

ResNetConfig recognise_resnet(const std::map<std::string, Shape>& tensors) {
  const Shapes file(tensors);
  ResNetConfig config;
  read_stem(file, config);
  config.block = file.has("layer1.0.conv3.weight") ? ResNetBlock::bottleneck : ResNetBlock::basic;
  read_depths(file, config);
  if (config.block == ResNetBlock::bottleneck) read_groups(file, config);
  check_config(config);
  check_blocks(file, config);
  config.classes = 0;
  if (file.has("fc.weight")) {
    const Shape& head = file.at("fc.weight");
    check(head.rank() == 2 && head[0] > 0 && head[1] == config.feature_count(), name_of(config),
          ": fc.weight has shape ", head, ", not [classes, ", config.feature_count(), "]");
    config.classes = head[0];
  }
  return config;
}

}  // namespace tl
