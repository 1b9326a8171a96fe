// ResNets by name.
#include <charconv>

#include "models/resnet_config.h"

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
  const auto basic_d = [](std::vector<int> depths) {
    return ResNetConfig{.depths = std::move(depths),
                        .stem = ResNetStem::deep_pool,
                        .shortcut = ShortcutKind::option_d};
  };
  const auto bottleneck_c = [](std::vector<int> depths) {
    return ResNetConfig{.block = ResNetBlock::bottleneck,
                        .depths = std::move(depths),
                        .stem = ResNetStem::deep_pool};
  };
  const auto bottleneck_d = [bottleneck_c](std::vector<int> depths) {
    ResNetConfig config = bottleneck_c(std::move(depths));
    config.shortcut = ShortcutKind::option_d;
    return config;
  };
  const auto tiered = [](ResNetConfig config) {
    config.deep_stem = {24, 32, 64};
    return config;
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
      {"resnext101_32x4d", grouped({3, 4, 23, 3}, 32, 4)},
      {"resnext101_32x16d", grouped({3, 4, 23, 3}, 32, 16)},
      {"resnext101_32x32d", grouped({3, 4, 23, 3}, 32, 32)},
      {"resnet26", {.block = kBottleneck, .depths = {2, 2, 2, 2}}},
      {"resnet200", {.block = kBottleneck, .depths = {3, 24, 36, 3}}},
      {"resnet50c", bottleneck_c({3, 4, 6, 3})},
      {"resnet101c", bottleneck_c({3, 4, 23, 3})},
      {"resnet152c", bottleneck_c({3, 8, 36, 3})},
      {"resnet18d", basic_d({2, 2, 2, 2})},
      {"resnet34d", basic_d({3, 4, 6, 3})},
      {"resnet26d", bottleneck_d({2, 2, 2, 2})},
      {"resnet50d", bottleneck_d({3, 4, 6, 3})},
      {"resnet101d", bottleneck_d({3, 4, 23, 3})},
      {"resnet152d", bottleneck_d({3, 8, 36, 3})},
      {"resnet200d", bottleneck_d({3, 24, 36, 3})},
      {"resnet10t", tiered(basic_d({1, 1, 1, 1}))},
      {"resnet14t", tiered(bottleneck_d({1, 1, 1, 1}))},
      {"resnet26t", tiered(bottleneck_d({2, 2, 2, 2}))},
      {"resnet50t", tiered(bottleneck_d({3, 4, 6, 3}))},
      {"resnet20", cifar(3)},
      {"resnet32", cifar(5)},
      {"resnet44", cifar(7)},
      {"resnet56", cifar(9)},
      {"resnet110", cifar(18)},
  };
  return configs;
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
  if (config.stem == ResNetStem::deep_pool) {
    const auto& [first, second, third] = config.deep_stem;
    text += concat(" deep stem ", first, "-", second, "-", third);
  }
  if (config.shortcut == ShortcutKind::option_a) text += " option A";
  if (config.shortcut == ShortcutKind::option_d) text += " option D";
  return text;
}

}  // namespace

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

}  // namespace tl
