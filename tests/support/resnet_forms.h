// One small network of each form, with every kind of shortcut: identity, a change of channels
// alone, a stride.
#pragma once

#include <vector>

#include "models/resnet_config.h"

namespace tl::test {

struct ResNetForm {
  const char* name;
  ResNetConfig config;
};

inline std::vector<ResNetForm> resnet_forms() {
  constexpr auto kBottleneck = ResNetBlock::bottleneck;
  return {
      {"basic", {.depths = {2, 1, 1, 1}, .width = 4, .classes = 5}},
      {"bottleneck", {.block = kBottleneck, .depths = {2, 1, 1, 1}, .width = 4, .classes = 5}},
      {"wide",
       {.block = kBottleneck,
        .depths = {1, 1, 1, 1},
        .width = 2,
        .classes = 5,
        .width_per_group = 128}},
      {"groups",
       {.block = kBottleneck, .depths = {1, 1, 1, 1}, .width = 2, .classes = 5, .groups = 2}},
      {"cifar",
       {.depths = {1, 2, 1},
        .width = 4,
        .classes = 5,
        .stem = ResNetStem::conv3,
        .shortcut = ShortcutKind::option_a}},
      {"cifar, bottleneck, one input channel",
       {.block = kBottleneck,
        .depths = {1, 2},
        .width = 3,
        .in_channels = 1,
        .classes = 5,
        .stem = ResNetStem::conv3,
        .shortcut = ShortcutKind::option_a}},
      {"cifar, option B",
       {.depths = {1, 1, 1}, .width = 4, .classes = 5, .stem = ResNetStem::conv3}},
      {"option D, a deep stem that is wider than the first stage",
       {.depths = {2, 1, 1, 1},
        .width = 4,
        .classes = 5,
        .stem = ResNetStem::deep_pool,
        .deep_stem = {2, 3, 5},
        .shortcut = ShortcutKind::option_d}},
      {"bottleneck, option D, deep stem",
       {.block = kBottleneck,
        .depths = {1, 2, 1, 1},
        .width = 2,
        .classes = 5,
        .stem = ResNetStem::deep_pool,
        .deep_stem = {2, 3, 2},
        .shortcut = ShortcutKind::option_d}},
      {"bottleneck v1, another epsilon",
       {.block = kBottleneck,
        .depths = {1, 2, 1, 1},
        .width = 2,
        .classes = 5,
        .unseen = {.bottleneck_stride = BottleneckStride::in_1x1, .epsilon = 0.25}}},
  };
}

}  // namespace tl::test
