// ResNets: torchvision's names and shapes, recognising files, gradients of whole networks.
#include "models/resnet.h"

#include <numeric>

#include "models/weight_names.h"
#include "tests/support/network_gradcheck.h"
#include "tests/support/op_errors.h"
#include "tests/support/random_state.h"

namespace tl::test {
namespace {

constexpr Placement kRef{DType::f64, Device::ref};

/// What torchvision's documentation of the two blocks and its state dictionaries say, written down
/// apart from the code that builds ours: names and shapes, filters OIHW, without the counters.
std::map<std::string, Shape> torchvision_state(bool bottleneck, const std::array<int, 4>& depths) {
  std::map<std::string, Shape> state;
  const auto norm = [&](const std::string& name, std::int64_t channels) {
    for (const char* part : {"weight", "bias", "running_mean", "running_var"}) {
      state.emplace(name + "." + part, Shape{channels});
    }
  };
  state.emplace("conv1.weight", Shape{64, 3, 7, 7});
  norm("bn1", 64);
  std::int64_t in = 64;
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t width = 64 << (stage - 1), out = bottleneck ? 4 * width : width;
    for (int i = 0; i < depths[static_cast<std::size_t>(stage - 1)]; ++i) {
      const std::string block = concat("layer", stage, ".", i, ".");
      const auto conv = [&](int number, std::int64_t from, std::int64_t to, std::int64_t kernel) {
        state.emplace(concat(block, "conv", number, ".weight"), Shape{to, from, kernel, kernel});
        norm(concat(block, "bn", number), to);
      };
      if (bottleneck) {
        conv(1, in, width, 1);
        conv(2, width, width, 3);
        conv(3, width, out, 1);
      } else {
        conv(1, in, width, 3);
        conv(2, width, out, 3);
      }
      if (i == 0 && (stage > 1 || bottleneck)) {
        state.emplace(block + "downsample.0.weight", Shape{out, in, 1, 1});
        norm(block + "downsample.1", out);
      }
      in = out;
    }
  }
  state.emplace("fc.weight", Shape{1000, in});
  state.emplace("fc.bias", Shape{1000});
  return state;
}

std::map<std::string, Shape> shapes_of(const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : tensors) shapes.emplace(name, tensor.shape());
  return shapes;
}

TEST_CASE("resnet: names, shapes and counts are torchvision's") {
  struct {
    const char* name;
    bool bottleneck;
    std::array<int, 4> depths;
    std::int64_t parameters;
    std::size_t tensors;
  } const known[] = {{"resnet18", false, {2, 2, 2, 2}, 11689512, 102},
                     {"resnet50", true, {3, 4, 6, 3}, 25557032, 267}};
  for (const auto& k : known) {
    INFO(concat(k.name));
    Generator random(1);
    const ResNet model(resnet_config(k.name), random, {DType::f32, Device::ref});
    const auto state = torchvision_state(k.bottleneck, k.depths);
    CHECK(state.size() == k.tensors);
    CHECK(shapes_of(export_weights(model)) == state);
    std::int64_t parameters = 0;
    for (const NamedTensor& p : model.parameters()) parameters += p.tensor.size();
    CHECK(parameters == k.parameters);
    CHECK(recognise_resnet(state) == model.config);
    CHECK(name_of(model.config) == k.name);
  }
}

TEST_CASE("resnet: configurations by name") {
  CHECK(resnet_config("resnet18").feature_count() == 512);
  CHECK(resnet_config("resnet50").feature_count() == 2048);
  CHECK_ERROR(resnet_config("vgg16"), "architecture 'vgg16': known are resnet18, resnet50");
  CHECK(name_of({.depths = {1, 1, 1, 1}, .width = 4}) == "resnet basic [1, 1, 1, 1] width 4");
  CHECK(name_of({.block = ResNetBlock::bottleneck, .depths = {3, 4, 6, 3}, .width = 128}) ==
        "resnet bottleneck [3, 4, 6, 3] width 128");
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
  for (const Shape& stem : {Shape{16}, Shape{0, 3, 7, 7}}) {
    file["conv1.weight"] = stem;
    CHECK_ERROR(recognise_resnet(file), concat("no ResNet: conv1.weight has shape ", stem).c_str());
  }
}

TEST_CASE("resnet: a small file cannot ask for a large network") {
  auto file = torchvision_state(false, {2, 2, 2, 2});
  file["conv1.weight"] = Shape{30000, 3, 1, 1};
  CHECK_ERROR(recognise_resnet(file),
              "no ResNet of width 30000: layer1.0.conv2.weight has shape [64, 64, 3, 3], not "
              "[30000, 30000, 3, 3]");
  file = torchvision_state(false, {2, 2, 2, 2});
  file["fc.weight"] = Shape{0, 512};
  CHECK_ERROR(recognise_resnet(file), "no ResNet: fc.weight has shape [0, 512]");
}

TEST_CASE("resnet: a stage halves the picture, rounding up") {
  Generator random(1);
  ResNet model({.depths = {1, 1, 1, 1}, .width = 2, .classes = 3}, random, kRef);
  model.eval();
  for (const Shape& shape : {Shape{2, 64, 65, 3}, Shape{1, 1, 1, 3}, Shape{1, 7, 33, 3}}) {
    CHECK(model(zeros(shape)).shape() == Shape{shape[0], 3});
  }
  CHECK_THROWS_AS(model(zeros({1, 32, 32, 4})), Error);
}

TEST_CASE("resnet: directional derivatives of whole networks") {
  for (const ResNetBlock block : {ResNetBlock::basic, ResNetBlock::bottleneck}) {
    for (const bool training : {true, false}) {
      const bool bottleneck = block == ResNetBlock::bottleneck;
      INFO("bottleneck ", bottleneck, ", training ", training);
      Generator random(1);
      ResNet model({.block = block, .depths = {1, 1, 1, 1}, .width = 4, .classes = 5}, random,
                   kRef);
      randomize_state(model, 6);
      model.train(training);
      Random values(4);
      const Shape shape{3, 33, 37, 3};
      const Tensor x =
          Tensor::from(values.uniform_vector(shape.size()), shape, DType::f64, Device::ref)
              .set_requires_grad();
      const Tensor labels =
          Tensor::from(std::vector<std::int32_t>{4, 0, 2}, {3}, DType::i32, Device::ref);
      std::vector<NamedTensor> tensors = model.parameters();
      tensors.push_back({"input", x});
      check_directions(tensors, [&] { return cross_entropy(model(x), labels); });
    }
  }
}

}  // namespace
}  // namespace tl::test
