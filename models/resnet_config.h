// ResNetConfig: which residual network, as data. One family: torchvision's ResNets, wide ResNets
// and ResNeXts for pictures, timm's ResNets C and D, and the smaller ones for CIFAR, of any depth
// and width.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/shape.h"
#include "models/residual_block.h"
#include "models/stem.h"

namespace tl {

/// basic: two 3x3 convolutions. bottleneck: 1x1, 3x3, 1x1, the last 4 times as wide.
enum class ResNetBlock { basic, bottleneck };

/// What the names and shapes of a network's tensors do not show. The defaults are torchvision's; a
/// file of another origin has to say (apps/model_file.h), or its dialect of names does.
struct UnseenConfig {
  BottleneckStride bottleneck_stride = BottleneckStride::in_3x3;
  double epsilon = 1e-5;  ///< of batch norm; Keras: 1.001e-5

  bool operator==(const UnseenConfig&) const = default;
};

/// Of channels and groups: no product of them overflows.
inline constexpr std::int64_t kMostChannels = std::int64_t{1} << 20;
inline constexpr std::size_t kMostStages = 8;

struct ResNetConfig {
  ResNetBlock block = ResNetBlock::basic;
  std::vector<int> depths = {2, 2, 2, 2};  ///< blocks per stage
  std::int64_t width = 64;                 ///< channels of the first stage; doubles per stage
  std::int64_t in_channels = 3;
  std::int64_t classes = 1000;
  // Of a bottleneck's 3x3 convolution: 2 * 64 channels per group make a wide ResNet (Zagoruyko and
  // Komodakis, 2016), 32 groups of 4 a ResNeXt-50 32x4d (Xie et al., 2016).
  std::int64_t groups = 1;
  std::int64_t width_per_group = 64;  ///< in a first stage of width 64
  ResNetStem stem = ResNetStem::conv7_pool;
  std::array<std::int64_t, 3> deep_stem = {32, 32, 64};  ///< channels of a deep stem's convolutions
  ShortcutKind shortcut = ShortcutKind::option_b;
  UnseenConfig unseen = {};

  bool operator==(const ResNetConfig&) const = default;

  /// The last is that of the first stage's input.
  std::array<std::int64_t, 3> stem_channels() const {
    return stem == ResNetStem::deep_pool ? deep_stem : std::array{width, width, width};
  }
  std::int64_t stage_width(std::size_t stage) const { return width << stage; }
  /// Channels of a bottleneck's 3x3 convolution; torchvision's formula.
  std::int64_t inner_width(std::size_t stage) const {
    return stage_width(stage) * width_per_group / 64 * groups;
  }
  /// Columns of the head's input.
  std::int64_t feature_count() const {
    return stage_width(depths.size() - 1) * (block == ResNetBlock::bottleneck ? 4 : 1);
  }
};

/// Throws where no such network can be built.
void check_config(const ResNetConfig& config);

/// The names that resnet_config knows: resnet18, 34, 50, 101, 152, the wide ones and ResNeXts of
/// torchvision; timm's others, above all resnet18d, 26d, 34d, 50d, 101d, 152d; resnet20, 32, 44,
/// 56, 110 for CIFAR (He et al., 2015, 4.2).
std::vector<std::string> resnet_names();
/// The configuration of that name, with 1000 classes (CIFAR: 10); throws, listing the names,
/// otherwise.
ResNetConfig resnet_config(const std::string& name);
/// "resnet18", whatever the channels and classes, or for other configurations a description such as
/// "resnet basic [1, 1, 1, 1] width 4"; then what is unseen and unusual: "resnet50 v1",
/// "resnet50 v1 epsilon 1.001e-05". Networks of one name compute the same from the same weights.
std::string name_of(const ResNetConfig& config);

/// The configuration that tensors of these names and shapes (models/weight_names.h, filters OIHW)
/// belong to; throws, saying what is missing or does not fit, when they are no ResNet's. Without a
/// head, classes is 0; what is unseen is torchvision's. A stem with a pooling has 4 stages; another
/// as many as there are, and shortcuts of option_a if no "downsample" is in the file. Where several
/// width_per_group make the same network (narrow ones), it is the smallest. The network is not much
/// larger than the tensors it was recognised from, whatever they claim. Relatives that compute
/// something else are refused by what they are (models/unsupported.h), or by a tensor of the stem
/// or of a block that no network here has.
ResNetConfig recognise_resnet(const std::map<std::string, Shape>& file);

}  // namespace tl
