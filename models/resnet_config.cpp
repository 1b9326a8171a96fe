#include "models/resnet_config.h"

namespace tl {

void check_config(const ResNetConfig& c) {
  const std::string name = name_of(c);
  check(!c.depths.empty() && c.depths.size() <= kMostStages, name, ": ", c.depths.size(),
        " stages, 1 to ", kMostStages, " are possible");
  for (const int depth : c.depths) check(depth >= 1, name, ": a stage without blocks");
  const auto in_range = [](std::int64_t n) { return n >= 1 && n <= kMostChannels; };
  check(in_range(c.width) && in_range(c.in_channels), name, ", ", c.in_channels,
        " input channels: width and channels are 1 to ", kMostChannels);
  for (const std::int64_t channels : c.stem_channels())
    check(in_range(channels), name, ": channels of the stem are 1 to ", kMostChannels);
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

}  // namespace tl
