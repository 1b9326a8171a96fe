// ResNets as data: which network a file's names and shapes are, and which networks names mean.
#include <cmath>

#include "models/resnet.h"
#include "models/weight_names.h"
#include "tests/support/op_errors.h"
#include "tests/support/ref_placement.h"
#include "tests/support/resnet_forms.h"

namespace tl::test {
namespace {

using State = std::map<std::string, Shape>;

void add_norm_state(State& state, const std::string& name, std::int64_t channels) {
  for (const char* part : {"weight", "bias", "running_mean", "running_var"}) {
    state.emplace(name + "." + part, Shape{channels});
  }
}

/// What timm has beside: a deep stem whose first convolution has so many channels (0: none), and
/// shortcuts that average.
struct TimmParts {
  std::int64_t first = 0;
  bool averages = false;
};

/// What torchvision's documentation of the two blocks and its state dictionaries say, written down
/// apart from the code that builds ours: names and shapes, filters OIHW, without the counters.
State torchvision_state(bool bottleneck, const std::vector<int>& depths, std::int64_t groups = 1,
                        std::int64_t base_width = 64, TimmParts timm = {}) {
  State state;
  const auto norm = [&](const std::string& name, std::int64_t c) {
    add_norm_state(state, name, c);
  };
  if (timm.first == 0) {
    state.emplace("conv1.weight", Shape{64, 3, 7, 7});
  } else {
    state.emplace("conv1.0.weight", Shape{timm.first, 3, 3, 3});
    norm("conv1.1", timm.first);
    state.emplace("conv1.3.weight", Shape{32, timm.first, 3, 3});
    norm("conv1.4", 32);
    state.emplace("conv1.6.weight", Shape{64, 32, 3, 3});
  }
  norm("bn1", 64);
  std::int64_t in = 64;
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t planes = 64 << (stage - 1), out = bottleneck ? 4 * planes : planes;
    const std::int64_t width = planes * base_width / 64 * groups;
    for (int i = 0; i < depths[static_cast<std::size_t>(stage - 1)]; ++i) {
      const std::string block = concat("layer", stage, ".", i, ".");
      const auto conv = [&](int number, std::int64_t from, std::int64_t to, std::int64_t kernel) {
        state.emplace(concat(block, "conv", number, ".weight"), Shape{to, from, kernel, kernel});
        norm(concat(block, "bn", number), to);
      };
      if (bottleneck) {
        conv(1, in, width, 1);
        conv(2, width / groups, width, 3);
        conv(3, width, out, 1);
      } else {
        conv(1, in, planes, 3);
        conv(2, planes, out, 3);
      }
      if (i == 0 && (stage > 1 || bottleneck)) {
        state.emplace(block + (timm.averages ? "downsample.1.weight" : "downsample.0.weight"),
                      Shape{out, in, 1, 1});
        norm(block + (timm.averages ? "downsample.2" : "downsample.1"), out);
      }
      in = out;
    }
  }
  state.emplace("fc.weight", Shape{1000, in});
  state.emplace("fc.bias", Shape{1000});
  return state;
}

/// He et al., 4.2: three stages of n basic blocks of 16, 32 and 64 channels.
State cifar_state(int n, const std::string& head) {
  State state;
  state.emplace("conv1.weight", Shape{16, 3, 3, 3});
  add_norm_state(state, "bn1", 16);
  std::int64_t in = 16;
  for (int stage = 1; stage <= 3; ++stage) {
    const std::int64_t out = 16 << (stage - 1);
    for (int i = 0; i < n; ++i) {
      const std::string block = concat("layer", stage, ".", i, ".");
      state.emplace(block + "conv1.weight", Shape{out, in, 3, 3});
      state.emplace(block + "conv2.weight", Shape{out, out, 3, 3});
      add_norm_state(state, block + "bn1", out);
      add_norm_state(state, block + "bn2", out);
      in = out;
    }
  }
  state.emplace(head + ".weight", Shape{10, 64});
  state.emplace(head + ".bias", Shape{10});
  return state;
}

State shapes_of(const std::map<std::string, Tensor>& tensors) {
  State shapes;
  for (const auto& [name, tensor] : tensors) shapes.emplace(name, tensor.shape());
  return shapes;
}

/// What can be said of a model of that name; counts are what torchvision and the papers publish.
void check_named(const char* name, const State& state, std::int64_t parameters) {
  INFO(std::string(name));
  Generator random(1);
  const ResNet model(resnet_config(name), random, {DType::f32, Device::ref});
  CHECK(shapes_of(export_weights(model)) == state);
  std::int64_t count = 0;
  for (const NamedTensor& p : model.parameters()) count += p.tensor.size();
  CHECK(count == parameters);
  CHECK(recognise_resnet(state) == model.config);
  CHECK(name_of(model.config) == name);
}

TEST_CASE("resnet: names, shapes and counts are torchvision's") {
  check_named("resnet18", torchvision_state(false, {2, 2, 2, 2}), 11689512);
  check_named("resnet34", torchvision_state(false, {3, 4, 6, 3}), 21797672);
  check_named("resnet50", torchvision_state(true, {3, 4, 6, 3}), 25557032);
  check_named("resnet101", torchvision_state(true, {3, 4, 23, 3}), 44549160);
  check_named("resnet152", torchvision_state(true, {3, 8, 36, 3}), 60192808);
  check_named("wide_resnet50_2", torchvision_state(true, {3, 4, 6, 3}, 1, 128), 68883240);
  check_named("resnext50_32x4d", torchvision_state(true, {3, 4, 6, 3}, 32, 4), 25028904);
  CHECK(torchvision_state(false, {2, 2, 2, 2}).size() == 102);
  CHECK(torchvision_state(true, {3, 4, 6, 3}).size() == 267);
}

TEST_CASE("resnet: names, shapes and counts are timm's") {
  const TimmParts c{32, false}, d{32, true}, tiered{24, true};
  check_named("resnet18d", torchvision_state(false, {2, 2, 2, 2}, 1, 64, d), 11708744);
  check_named("resnet26d", torchvision_state(true, {2, 2, 2, 2}, 1, 64, d), 16014408);
  check_named("resnet34d", torchvision_state(false, {3, 4, 6, 3}, 1, 64, d), 21816904);
  check_named("resnet50d", torchvision_state(true, {3, 4, 6, 3}, 1, 64, d), 25576264);
  check_named("resnet50c", torchvision_state(true, {3, 4, 6, 3}, 1, 64, c), 25576264);
  check_named("resnet10t", torchvision_state(false, {1, 1, 1, 1}, 1, 64, tiered), 5435488);
  check_named("resnet14t", torchvision_state(true, {1, 1, 1, 1}, 1, 64, tiered), 10081632);
  check_named("resnet26t", torchvision_state(true, {2, 2, 2, 2}, 1, 64, tiered), 16011872);
  check_named("resnet50t", torchvision_state(true, {3, 4, 6, 3}, 1, 64, tiered), 25573728);
  check_named("resnet26", torchvision_state(true, {2, 2, 2, 2}), 15995176);
  for (const auto& [name, depths] : {std::pair{"resnet101d", std::vector{3, 4, 23, 3}},
                                     {"resnet152d", {3, 8, 36, 3}},
                                     {"resnet200d", {3, 24, 36, 3}}}) {
    CHECK(recognise_resnet(torchvision_state(true, depths, 1, 64, d)) == resnet_config(name));
  }
}

TEST_CASE("resnet: the largest are recognised") {  // and not built: 1.2 GB
  CHECK(recognise_resnet(torchvision_state(true, {3, 4, 23, 3}, 1, 128)) ==
        resnet_config("wide_resnet101_2"));
  CHECK(recognise_resnet(torchvision_state(true, {3, 4, 23, 3}, 32, 8)) ==
        resnet_config("resnext101_32x8d"));
  CHECK(recognise_resnet(torchvision_state(true, {3, 4, 23, 3}, 64, 4)) ==
        resnet_config("resnext101_64x4d"));
}

TEST_CASE("resnet: the CIFAR form, by either name of its head") {
  const struct {
    const char* name;
    int n;
    std::int64_t parameters;  // He et al., table 6: 0.27 M to 1.7 M
  } known[] = {{"resnet20", 3, 269722},
               {"resnet32", 5, 464154},
               {"resnet44", 7, 658586},
               {"resnet56", 9, 853018},
               {"resnet110", 18, 1727962}};
  for (const auto& k : known) {
    check_named(k.name, cifar_state(k.n, "fc"), k.parameters);
    CHECK(recognise_resnet(cifar_state(k.n, "linear")) == resnet_config(k.name));
  }
}

TEST_CASE("resnet: any form is recognised from its own export") {
  for (const ResNetForm& form : resnet_forms()) {
    INFO(std::string(form.name));
    Generator random(1);
    const ResNet model(form.config, random, kRef);
    ResNetConfig seen = form.config;
    seen.unseen = {};
    CHECK(recognise_resnet(shapes_of(export_weights(model))) == seen);
  }
}

TEST_CASE("resnet: width_per_group where widths round") {
  // torchvision's formula drops fractions: 6 * 40 / 64 = 3.75 is 3, 48 * 40 / 64 is 30 exactly.
  ResNetConfig config{.block = ResNetBlock::bottleneck,
                      .depths = {1, 1, 1, 1},
                      .width = 6,
                      .classes = 2,
                      .groups = 2,
                      .width_per_group = 40};
  CHECK(config.inner_width(0) == 6);
  CHECK(config.inner_width(3) == 60);
  Generator random(1);
  const ResNet model(config, random, kRef);
  CHECK(recognise_resnet(shapes_of(export_weights(model))) == config);
}

TEST_CASE("resnet: configurations by name") {
  CHECK(resnet_config("resnet18").feature_count() == 512);
  CHECK(resnet_config("resnet50").feature_count() == 2048);
  CHECK(resnet_config("resnet20").feature_count() == 64);
  const std::vector<std::string> names = resnet_names();
  CHECK(names.size() == 34);
  std::string known;
  for (const std::string& name : names) {
    CHECK(name_of(resnet_config(name)) == name);
    known += (known.empty() ? "" : ", ") + name;
  }
  CHECK_ERROR(resnet_config("vgg16"), ("architecture 'vgg16': known are " + known).c_str());
  ResNetConfig other = resnet_config("resnet34");
  other.classes = 2;
  other.in_channels = 1;
  CHECK(name_of(other) == "resnet34");
  CHECK(name_of({.depths = {1, 1, 1, 1}, .width = 4}) == "resnet basic [1, 1, 1, 1] width 4");
  CHECK(name_of({.block = ResNetBlock::bottleneck, .depths = {3, 4, 6, 3}, .width = 128}) ==
        "resnet bottleneck [3, 4, 6, 3] width 128");
  CHECK(name_of(resnet_forms()[3].config) == "resnet bottleneck [1, 1, 1, 1] width 2 groups 2x64");
  CHECK(name_of(resnet_forms()[4].config) == "resnet basic [1, 2, 1] width 4 3x3 stem option A");
  CHECK(name_of(resnet_forms()[7].config) ==
        "resnet basic [2, 1, 1, 1] width 4 deep stem 2-3-5 option D");
  other = resnet_config("resnet50");
  other.unseen.bottleneck_stride = BottleneckStride::in_1x1;
  CHECK(name_of(other) == "resnet50 v1");
  other.unseen.epsilon = 1.001e-5;
  CHECK(name_of(other) == "resnet50 v1 epsilon 1.001e-05");
}

TEST_CASE("resnet: what cannot be built") {
  Generator random(1);
  const auto build = [&](const ResNetConfig& config) { ResNet model(config, random, kRef); };
  CHECK_ERROR(build({.depths = {}}), "resnet basic [] width 64: 0 stages, 1 to 8 are possible");
  CHECK_ERROR(build({.depths = {1, 0}}), "resnet basic [1, 0] width 64: a stage without blocks");
  CHECK_ERROR(build({.depths = {1}, .width = 0}),
              "resnet basic [1] width 0, 3 input channels: width and channels are 1 to 1048576");
  CHECK_ERROR(build({.depths = {1}, .classes = -1}), "resnet basic [1] width 64: -1 classes");
  CHECK_ERROR(build({.depths = {1}, .groups = 2}),
              "resnet basic [1] width 64 groups 2x64: basic blocks have one group of 64");
  CHECK_ERROR(build({.block = ResNetBlock::bottleneck,
                     .depths = {1},
                     .width = 4,
                     .groups = 32,
                     .width_per_group = 4}),
              "resnet bottleneck [1] width 4 groups 32x4: a group would have no channel");
  CHECK_ERROR(build({.depths = {1}, .unseen = {BottleneckStride::in_1x1}}),
              "resnet basic [1] width 64 v1: basic blocks have no 1x1 convolution to stride");
  for (const double epsilon : {0.0, -1e-5, 1.5, std::nan("")}) {
    CHECK_ERROR(build({.depths = {1}, .unseen = {.epsilon = epsilon}}),
                concat(name_of({.depths = {1}, .unseen = {.epsilon = epsilon}}),
                       ": batch norm's epsilon is above 0 and at most 1")
                    .c_str());
  }
}

TEST_CASE("resnet: unusual files are recognised, and those that are none named") {
  auto file = torchvision_state(false, {1, 3, 2, 1});
  CHECK(recognise_resnet(file) == ResNetConfig{.depths = {1, 3, 2, 1}});
  file.erase("fc.weight");
  CHECK(recognise_resnet(file).classes == 0);
  file["conv1.weight"] = Shape{64, 1, 7, 7};
  CHECK(recognise_resnet(file).in_channels == 1);
  file.erase("layer3.0.conv2.weight");
  CHECK_ERROR(recognise_resnet(file), "no ResNet: there is no tensor layer3.0.conv2.weight");
  CHECK_ERROR(recognise_resnet({}), "no ResNet: there is no tensor conv1.weight");
  std::map<std::string, Shape> other = {{"features.0.bias", {8}},
                                        {"features.0.weight", {8, 3, 3, 3}}};
  CHECK_ERROR(recognise_resnet(other),
              "no ResNet: there is no tensor conv1.weight, its tensors are features.0.bias, "
              "features.0.weight");
  other["x"] = other["y"] = Shape{1};
  CHECK_ERROR(recognise_resnet(other),
              "no ResNet: there is no tensor conv1.weight, its tensors are features.0.bias, "
              "features.0.weight, x and 1 more");
  for (const Shape& stem : {Shape{16}, Shape{0, 3, 7, 7}, Shape{64, 3, 5, 5}, Shape{64, 3, 7, 3},
                            Shape{1 << 21, 3, 3, 3}}) {
    file["conv1.weight"] = stem;
    CHECK_ERROR(recognise_resnet(file),
                concat("no ResNet: conv1.weight has shape ", stem,
                       ", not [width, channels, 7, 7] or [width, channels, 3, 3]")
                    .c_str());
  }
}

TEST_CASE("resnet: a 3x3 stem, with as many stages and such shortcuts as the file has") {
  auto file = cifar_state(2, "fc");
  file["layer2.0.shortcut.0.weight"] = Shape{32, 16, 1, 1};  // of option B, by its other name
  CHECK(recognise_resnet(file).shortcut == ShortcutKind::option_b);
  file = torchvision_state(false, {2, 2, 2, 2});
  file["conv1.weight"] = Shape{64, 3, 3, 3};
  CHECK(recognise_resnet(file) == ResNetConfig{.stem = ResNetStem::conv3});
  for (int stage = 5; stage < 12; ++stage) file[concat("layer", stage, ".0.x")] = Shape{1};
  CHECK_ERROR(recognise_resnet(file),
              "resnet basic [2, 2, 2, 2, 1, 1, 1, 1, 1] width 64 3x3 stem: 9 stages, 1 to 8 are "
              "possible");
  // A 7x7 stem has its projections: they are missing, not unnecessary.
  file = torchvision_state(false, {2, 2, 2, 2});
  std::erase_if(file,
                [](const auto& e) { return e.first.find("downsample") != std::string::npos; });
  CHECK(recognise_resnet(file) == ResNetConfig{});
}

TEST_CASE("resnet: a tensor that no such network has") {
  auto file = torchvision_state(true, {1, 1, 1, 1}, 1, 64, {32, true});
  CHECK(recognise_resnet(file).shortcut == ShortcutKind::option_d);
  for (const char* name : {"conv1.6.bias", "layer1.0.conv2.bias", "layer2.0.downsample.0.weight",
                           "layer3.0.gamma", "layer5.0.conv1.weight", "conv1.7.weight"}) {
    auto other = file;
    other[name] = Shape{1};
    CHECK_ERROR(
        recognise_resnet(other),
        concat(
            "no resnet bottleneck [1, 1, 1, 1] width 64 deep stem 32-32-64 option D: that has no ",
            name)
            .c_str());
  }
  for (const char* name : {"layer1.0.bn1.num_batches_tracked", "conv1.1.total_ops",
                           "neck.conv1.weight", "layer_norm.weight"}) {
    auto other = file;
    other[name] = Shape{1};
    CHECK(recognise_resnet(other).stem == ResNetStem::deep_pool);
  }
  auto wrong = file;
  wrong["conv1.3.weight"] = Shape{32, 31, 3, 3};
  CHECK_ERROR(recognise_resnet(wrong),
              "no ResNet: conv1.3.weight has shape [32, 31, 3, 3], not [width, 32, 3, 3]");
  wrong["conv1.3.weight"] = Shape{32, 32, 5, 5};
  CHECK_ERROR(recognise_resnet(wrong),
              "no ResNet: conv1.3.weight has shape [32, 32, 5, 5], not [width, 32, 3, 3]");
  wrong = file;
  for (const Shape& shape : {Shape{1 << 23, 64, 1, 1}, Shape{0, 64, 1, 1}, Shape{256}}) {
    wrong["layer1.0.conv3.weight"] = shape;
    CHECK_ERROR(recognise_resnet(wrong), concat("no ResNet: layer1.0.conv3.weight has shape ",
                                                shape, ", not [4 width, channels, 1, 1]")
                                             .c_str());
  }
  wrong["layer1.0.conv3.weight"] = Shape{255, 64, 1, 1};
  CHECK_ERROR(recognise_resnet(wrong),
              "no ResNet: layer1.0.conv3.weight has shape [255, 64, 1, "
              "1], not [4 width, channels, 1, 1]");
}

TEST_CASE("resnet: a small file cannot ask for a large network") {
  auto file = torchvision_state(false, {2, 2, 2, 2});
  file["conv1.weight"] = Shape{30000, 3, 7, 7};
  CHECK_ERROR(recognise_resnet(file),
              "no ResNet of width 30000: layer1.0.conv2.weight has shape [64, 64, 3, 3], not "
              "[30000, 30000, 3, 3]");
  file = torchvision_state(false, {2, 2, 2, 2});
  file["fc.weight"] = Shape{0, 512};
  CHECK_ERROR(recognise_resnet(file), "resnet18: fc.weight has shape [0, 512], not [classes, 512]");
  // A head of a million numbers would ask for one of 512 millions.
  file["fc.weight"] = Shape{1'000'000, 1};
  CHECK_ERROR(recognise_resnet(file),
              "resnet18: fc.weight has shape [1000000, 1], not [classes, 512]");
  // As many groups as channels: 3x3 filters of 9 numbers each would ask for 1x1 filters of
  // millions.
  file = torchvision_state(true, {1, 1, 1, 1});
  for (int stage = 1; stage <= 4; ++stage) {
    file[concat("layer", stage, ".0.conv2.weight")] = Shape{(1 << 14) << stage, 1, 3, 3};
  }
  CHECK_THROWS_AS(recognise_resnet(file), Error);
  file = torchvision_state(true, {1, 1, 1, 1}, 32, 4);
  for (const Shape& shape : {Shape{1024, 3, 3, 3}, Shape{1024, 0, 3, 3}, Shape{1024}}) {
    file["layer4.0.conv2.weight"] = shape;
    CHECK_ERROR(recognise_resnet(file), concat("no ResNet: layer4.0.conv2.weight has shape ", shape,
                                               ", not [c, c / groups, 3, 3]")
                                            .c_str());
  }
  file = torchvision_state(true, {1, 1, 1, 1}, 32, 4);
  file["layer2.0.conv3.weight"] = Shape{512, 128, 1, 1};
  CHECK_ERROR(recognise_resnet(file),
              "no ResNet of width 64: layer2.0.conv3.weight has shape [512, 128, 1, 1], not [512, "
              "256, 1, 1]");
  file.erase("layer2.0.conv3.weight");
  CHECK_ERROR(recognise_resnet(file), "no ResNet: there is no tensor layer2.0.conv3.weight");
}

}  // namespace
}  // namespace tl::test
