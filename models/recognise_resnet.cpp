// recognise_resnet: from a file's names and shapes to the configuration.
#include <set>

#include "models/resnet_config.h"
#include "models/unsupported.h"
#include "models/weight_names.h"

namespace tl {
namespace {

std::string block_name(std::size_t stage, int block) {
  return concat("layer", stage + 1, ".", block, ".");
}

/// A file as recognise_resnet asks it.
class FileShapes {
 public:
  explicit FileShapes(const std::map<std::string, Shape>& file) : shapes_(with_usual_names(file)) {}

  bool has(const std::string& name) const { return shapes_.contains(name); }
  bool has_folder(const std::string& prefix) const {
    const auto first = shapes_.lower_bound(prefix);
    return first != shapes_.end() && first->first.starts_with(prefix);
  }
  const Shape& at(const std::string& name) const {
    const auto found = shapes_.find(name);
    check(found != shapes_.end(), "no ResNet: there is no tensor ", name,
          has("conv1.weight") || has("conv1.0.weight") ? "" : some_names());
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

/// "conv1.0", 3 and 6; the width is that of the first block.
void read_deep_stem(const FileShapes& file, ResNetConfig& config) {
  config.stem = ResNetStem::deep_pool;
  std::int64_t c_in = 0;  // of the first convolution: any
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string name = concat("conv1.", 3 * i, ".weight");
    const Shape& shape = file.at(name);
    check(shape.rank() == 4 && shape.size() > 0 && shape[2] == 3 && shape[3] == 3 &&
              shape[0] <= kMostChannels && (i == 0 || shape[1] == c_in),
          "no ResNet: ", name, " has shape ", shape, ", not [width, ",
          i == 0 ? "channels" : concat(c_in), ", 3, 3]");
    if (i == 0) config.in_channels = shape[1];
    config.deep_stem[i] = c_in = shape[0];
  }
  const bool is_bottleneck = config.block == ResNetBlock::bottleneck;
  const std::string last = concat("layer1.0.conv", is_bottleneck ? 3 : 2, ".weight");
  const Shape& shape = file.at(last);
  const std::int64_t times = is_bottleneck ? 4 : 1;
  check(shape.rank() == 4 && shape.size() > 0 && shape[0] % times == 0 &&
            shape[0] / times <= kMostChannels,
        "no ResNet: ", last, " has shape ", shape, ", not [", is_bottleneck ? "4 width" : "width",
        ", channels, ", is_bottleneck ? 1 : 3, ", ", is_bottleneck ? 1 : 3, "]");
  config.width = shape[0] / times;
}

void read_stem(const FileShapes& file, ResNetConfig& config) {
  if (file.has("conv1.0.weight")) return read_deep_stem(file, config);
  const Shape stem = file.at("conv1.weight");
  const bool is_filter = stem.rank() == 4 && stem.size() > 0 && stem[2] == stem[3] &&
                         (stem[2] == 7 || stem[2] == 3) && stem[0] <= kMostChannels;
  check(is_filter, "no ResNet: conv1.weight has shape ", stem,
        ", not [width, channels, 7, 7] or [width, channels, 3, 3]");
  config.width = stem[0];
  config.in_channels = stem[1];
  config.stem = stem[2] == 7 ? ResNetStem::conv7_pool : ResNetStem::conv3;
}

void read_depths(const FileShapes& file, ResNetConfig& config) {
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
}

void read_shortcut(const FileShapes& file, ResNetConfig& config) {
  bool projects = false;
  for (const auto& [name, shape] : file.all()) {
    projects = projects || name.find(".downsample.") != std::string::npos;
    if (name.ends_with(".downsample.2.weight")) config.shortcut = ShortcutKind::option_d;
  }
  if (config.stem == ResNetStem::conv3 && !projects) config.shortcut = ShortcutKind::option_a;
}

/// groups and width_per_group, from the last stage: its widths round the least.
void read_groups(const FileShapes& file, ResNetConfig& config) {
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
void check_blocks(const FileShapes& file, const ResNetConfig& config) {
  const auto expect = [&](const std::string& name, const Shape& expected) {
    check(file.at(name) == expected, "no ResNet of width ", config.width, ": ", name, " has shape ",
          file.at(name), ", not ", expected);
  };
  std::int64_t c_in = config.stem_channels().back();
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

/// The names of everything below the head.
std::set<std::string> names_below_head(const ResNetConfig& config) {
  std::set<std::string> names;
  const auto add = [&names](const std::string& conv, const std::string& norm) {
    names.insert(conv + ".weight");
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
      names.insert(norm + part);
  };
  if (config.stem == ResNetStem::deep_pool) {
    add("conv1.0", "conv1.1");
    add("conv1.3", "conv1.4");
  }
  add(config.stem == ResNetStem::deep_pool ? "conv1.6" : "conv1", "bn1");
  const bool is_bottleneck = config.block == ResNetBlock::bottleneck;
  const int averages = config.shortcut == ShortcutKind::option_d ? 1 : 0;
  std::int64_t c_in = config.stem_channels().back();
  for (std::size_t stage = 0; stage < config.depths.size(); ++stage) {
    const std::int64_t c_out = config.stage_width(stage) * (is_bottleneck ? 4 : 1);
    for (int i = 0; i < config.depths[stage]; ++i) {
      const std::string block = block_name(stage, i);
      for (int layer = 1; layer <= (is_bottleneck ? 3 : 2); ++layer)
        add(concat(block, "conv", layer), concat(block, "bn", layer));
      const bool changes = i == 0 && (stage > 0 || c_in != c_out);
      if (changes && config.shortcut != ShortcutKind::option_a)
        add(concat(block, "downsample.", averages), concat(block, "downsample.", averages + 1));
    }
    c_in = c_out;
  }
  return names;
}

/// What stands in the stem or in a block takes part in what the network computes.
void check_nothing_else(const FileShapes& file, const ResNetConfig& config) {
  const std::set<std::string> own = names_below_head(config);
  for (const auto& [name, shape] : file.all()) {
    const bool is_below_head = name.starts_with("conv1.") || name.starts_with("bn1.") ||
                               (name.starts_with("layer") && name.size() > 6 && name[6] == '.');
    check(!is_below_head || own.contains(name) || is_bookkeeping(name), "no ", name_of(config),
          ": that has no ", name);
  }
}

}  // namespace

ResNetConfig recognise_resnet(const std::map<std::string, Shape>& tensors) {
  const FileShapes file(tensors);
  refuse_unsupported(file.all());
  ResNetConfig config;
  config.block = file.has("layer1.0.conv3.weight") ? ResNetBlock::bottleneck : ResNetBlock::basic;
  read_stem(file, config);
  read_depths(file, config);
  read_shortcut(file, config);
  if (config.block == ResNetBlock::bottleneck) read_groups(file, config);
  check_config(config);
  check_blocks(file, config);
  check_nothing_else(file, config);
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
