// The names that other programs give to the same networks: names found in their files, written down
// here, and what they are in torchvision's.
#include "models/dialect.h"

#include "models/resnet.h"
#include "models/unsupported.h"
#include "models/weight_names.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using NameMap = std::map<std::string, std::string>;
using Shapes = std::map<std::string, Shape>;

/// Of shapes without meaning.
NameMap usual(const std::vector<std::string>& names) {
  Shapes file;
  for (const std::string& name : names) file.emplace(name, Shape{1});
  return usual_names(file);
}

/// The shapes of a small network below its head, each name as `rename` gives it.
Shapes small_network(const std::function<std::string(const std::string&)>& rename) {
  Generator random(1);
  const ResNet model({.depths = {1, 1, 1, 1}, .width = 4, .classes = 6}, random);
  Shapes file;
  for (const auto& [name, tensor] : export_weights(model))
    if (!name.starts_with("fc.")) file.emplace(rename(name), tensor.shape());
  return file;
}

void check_names(const NameMap& expected) {
  std::vector<std::string> names;
  for (const auto& [name, own] : expected) names.push_back(name);
  const NameMap found = usual(names);
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, own] : expected) {
    CAPTURE(name);
    CHECK(found.at(name) == own);
  }
}

TEST_CASE("dialect: published CIFAR networks") {
  check_names({{"conv1.weight", "conv1.weight"},
               {"layer1.0.conv1.weight", "layer1.0.conv1.weight"},
               {"layer2.0.shortcut.1.running_var", "layer2.0.downsample.1.running_var"},
               {"linear.weight", "fc.weight"},
               {"x.linear.weight", "x.linear.weight"},
               {"a.shortcut.0", "a.shortcut.0"}});
}

TEST_CASE("dialect: paths through groups have dots") {
  check_names({{"conv1/weight", "conv1.weight"},
               {"layer1/0/conv1/weight", "layer1.0.conv1.weight"},
               {"layer1/0.bn1/weight", "layer1.0.bn1.weight"},
               {"layer2/0/shortcut/1/running_var", "layer2.0.downsample.1.running_var"},
               {"linear/bias", "fc.bias"}});
}

TEST_CASE("dialect: Hugging Face's ResNets") {
  check_names({
      {"resnet.embedder.embedder.convolution.weight", "conv1.weight"},
      {"resnet.embedder.embedder.normalization.running_mean", "bn1.running_mean"},
      {"resnet.encoder.stages.0.layers.0.layer.0.convolution.weight", "layer1.0.conv1.weight"},
      {"resnet.encoder.stages.0.layers.10.layer.2.normalization.bias", "layer1.10.bn3.bias"},
      {"resnet.encoder.stages.3.layers.0.shortcut.convolution.weight",
       "layer4.0.downsample.0.weight"},
      {"resnet.encoder.stages.3.layers.0.shortcut.normalization.running_var",
       "layer4.0.downsample.1.running_var"},
      {"resnet.encoder.stages.3.layers.x.layer.0.convolution.weight",
       "encoder.stages.3.layers.x.layer.0.convolution.weight"},
      {"resnet.encoder.stages.", "encoder.stages."},
  });
}

TEST_CASE("dialect: OpenMMLab's deep stem") {
  check_names({{"backbone.stem.0.weight", "conv1.0.weight"},
               {"backbone.stem.1.bias", "conv1.1.bias"},
               {"backbone.stem.6.weight", "conv1.6.weight"},
               {"backbone.stem.7.running_var", "bn1.running_var"},
               {"backbone.layer1.0.conv1.weight", "layer1.0.conv1.weight"},
               {"backbone.layer2.0.downsample.1.weight", "layer2.0.downsample.1.weight"}});
}

TEST_CASE("dialect: weiaicunzai's networks for CIFAR-100") {
  check_names({{"conv1.0.weight", "conv1.weight"},
               {"conv1.1.running_mean", "bn1.running_mean"},
               {"conv2_x.0.residual_function.0.weight", "layer1.0.conv1.weight"},
               {"conv5_x.1.residual_function.4.bias", "layer4.1.bn2.bias"},
               {"conv3_x.0.residual_function.6.weight", "layer2.0.conv3.weight"},
               {"conv3_x.0.residual_function.7.weight", "layer2.0.bn3.weight"},
               {"conv3_x.0.shortcut.1.weight", "layer2.0.downsample.1.weight"},
               {"conv3_x.", "conv3_x."},
               {"fc.weight", "fc.weight"}});
}

TEST_CASE("dialect: the children of a network in a Sequential") {
  check_names({{"encoder.0.weight", "conv1.weight"},
               {"encoder.1.running_var", "bn1.running_var"},
               {"encoder.4.0.conv1.weight", "layer1.0.conv1.weight"},
               {"encoder.7.1.bn2.bias", "layer4.1.bn2.bias"},
               {"projector.0.weight", "projector.0.weight"}});
  check_names({{"f.0.weight", "conv1.weight"},
               {"f.1.bias", "bn1.bias"},
               {"f.3.0.conv1.weight", "layer1.0.conv1.weight"},
               {"f.6.0.downsample.0.weight", "layer4.0.downsample.0.weight"},
               {"g.0.weight", "g.0.weight"}});
}

TEST_CASE("dialect: what stands before a network's names, and which of several networks") {
  const auto prefix = [](const std::set<std::string>& names) {
    const NetworkNames found = find_network(names);
    return found.dialect ? found.prefix : "none";
  };
  CHECK(prefix({}) == "none");
  CHECK(prefix({"conv1.weight", "layer1.0.conv1.weight"}) == "");
  CHECK(prefix({"module.conv1.weight", "module.layer1.0.conv1.weight"}) == "module.");
  CHECK(prefix({"module.pre.conv1.weight", "module.pre.layer1.0.conv1.weight"}) == "module.pre.");
  CHECK(prefix({"myconv1.weight", "mylayer1.0.conv1.weight"}) == "none");
  CHECK(prefix({"features.conv1.weight", "features.layers.0.weight"}) == "none");
  const auto of_two = [&](const std::string& a, const std::string& b) {
    return prefix({a + "conv1.weight", a + "layer1.0.conv1.weight", b + "conv1.weight",
                   b + "layer1.0.conv1.weight"});
  };
  CHECK(of_two("a.", "ema.a.") == "a.");
  CHECK(of_two("module.encoder_k.", "module.encoder_q.") == "module.encoder_q.");
  CHECK(of_two("backbone_momentum.", "online.backbone.") == "online.backbone.");
  CHECK(of_two("teacher.", "student.") == "student.");
  CHECK(prefix({"teacher.conv1.weight", "teacher.layer1.0.conv1.weight"}) == "teacher.");
}

TEST_CASE("dialect: a head of any name, if it is the only layer behind the network") {
  // The network of the test has 32 features.
  const auto head = [](const Shapes& more, const std::string& prefix = "") {
    Shapes file = small_network([&](const std::string& name) { return prefix + name; });
    file.insert(more.begin(), more.end());
    return recognise_resnet(file).classes;
  };
  for (const char* name : {"fc", "linear", "classifier", "classifier.1", "head", "head.fc",
                           "last_linear", "fc.1", "fc.0", "logits", "1"}) {
    CAPTURE(name);
    const Shapes layer = {{concat(name, ".weight"), {6, 32}}, {concat(name, ".bias"), {6}}};
    CHECK(head(layer) == 6);
    CHECK(head(layer, "backbone.") == 6);
    CHECK(head({{concat(name, ".weight"), {6, 32}}}) == 6);
  }
  CHECK(head({{"model.fc.1.weight", {6, 32}}, {"model.fc.1.bias", {6}}}, "model.") == 6);
  CHECK(head({}) == 0);
  // MoCo's two layers, another layer's features, a third tensor: none is the head.
  CHECK(head({{"fc.0.weight", {32, 32}},
              {"fc.0.bias", {32}},
              {"fc.2.weight", {6, 32}},
              {"fc.2.bias", {6}}}) == 0);
  CHECK(head({{"classifier.weight", {6, 31}}}) == 0);
  CHECK(head({{"classifier.weight", {6, 32}}, {"classifier.running_mean", {6}}}) == 0);
  CHECK(head({{"neck.weight", {6, 32, 1, 1}}}) == 0);
  // One that is called as torchvision's is the head whatever else there is.
  CHECK(head({{"fc.weight", {6, 32}}, {"other.weight", {7, 32}}, {"queue", {8, 8}}}) == 6);
}

TEST_CASE("dialect: a file keeps its values, and no two of one name") {
  std::map<std::string, Tensor> file;
  for (const char* name : {"m/conv1/weight", "m/layer1/0/conv1/weight", "other"})
    file.emplace(name, zeros({1}));
  const auto renamed = with_usual_names(file);
  CHECK(renamed.at("conv1.weight").impl() == file.at("m/conv1/weight").impl());
  CHECK(renamed.at("other").impl() == file.at("other").impl());
  CHECK_ERROR(usual({"m.conv1.weight", "m.layer1.x", "conv1.weight"}),
              "two tensors are called conv1.weight, one of them by the name m.conv1.weight");
  CHECK_ERROR(usual({"fc.weight", "linear.weight", "conv1.weight", "layer1.x"}),
              "two tensors are called fc.weight, one of them by the name linear.weight");
}

TEST_CASE("dialect: relatives of the ResNets are refused by what they are") {
  const auto refusal = [](const std::vector<std::string>& more) {
    Shapes file = small_network([](const std::string& name) { return "module." + name; });
    for (const std::string& name : more) file.emplace("module." + name, Shape{1});
    try {
      recognise_resnet(file);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto check_refused = [&](const std::string& name, const std::string& what) {
    CHECK(refusal({name}) ==
          concat(what, " (there is a tensor ", name, "), which is not supported"));
  };
  check_refused("layer1.0.se.fc1.weight", "a ResNet with squeeze and excitation (SE)");
  check_refused("layer1.0.se_module.fc1.weight", "a ResNet with squeeze and excitation (SE)");
  check_refused("layer1.0.se.conv.weight", "a ResNet with efficient channel attention (ECA)");
  check_refused("layer4.0.eca.conv.weight", "a ResNet with efficient channel attention (ECA)");
  check_refused("layer1.0.cbam.x", "a ResNet with attention in its blocks (CBAM)");
  check_refused("layer1.0.conv1.paths.0.conv.weight", "a ResNet with selective kernels (SKNet)");
  check_refused("layer1.0.conv2.fc1.weight", "a ResNet with split attention (ResNeSt)");
  check_refused("layer1.0.convs.0.weight", "a Res2Net");
  check_refused("layer1.0.bn1.IN.weight", "an IBN-Net");
  check_refused("layer2.0.conv2.0.filt", "a ResNet with blur pooling (anti-aliased)");
  check_refused("maxpool.1.filt", "a ResNet with blur pooling (anti-aliased)");
  check_refused("maxpool.0.weight", "a ResNet with a convolution for its max pooling (ResNet-RS)");
  check_refused("attnpool.k_proj.weight", "a ResNet with attention pooling (CLIP)");
  CHECK(refusal({"head.se.fc1.weight"}) == "");
  CHECK(refusal({}) == "");

  Shapes without = small_network([](const std::string& name) { return name; });
  std::erase_if(without, [](const auto& e) { return e.first.find(".running_") < e.first.size(); });
  CHECK_ERROR(recognise_resnet(without),
              "a ResNet with group normalisation (there is no tensor bn1.running_mean), which is "
              "not supported");
  CHECK_ERROR(recognise_resnet({{"stem.conv.weight", {64, 3, 7, 7}},
                                {"stages.0.blocks.0.norm1.weight", {64}},
                                {"stages.0.blocks.0.norm1.running_mean", {64}}}),
              "a pre-activation ResNetV2 (there is a tensor stages.0.blocks.0.norm1.running_mean), "
              "which is not supported");
  CHECK_ERROR(recognise_resnet(
                  {{"stem.conv.weight", {64, 3, 7, 7}}, {"stages.0.blocks.0.norm1.weight", {64}}}),
              "a ResNetV2 with group normalisation, weights standardised (BiT) (there is a tensor "
              "stages.0.blocks.0.norm1.weight, but no running mean), which is not supported");
  CHECK_ERROR(recognise_resnet({{"stages.0.0.conv1_1x1.conv.weight", {64}}}),
              "a network of timm's ByobNet form (there is a tensor "
              "stages.0.0.conv1_1x1.conv.weight), which is not supported");
  // kuangliu's PreActResNet: no batch norm behind the stem.
  Shapes file = small_network([](const std::string& name) { return name; });
  std::erase_if(file, [](const auto& e) { return e.first.starts_with("bn1."); });
  CHECK_ERROR(recognise_resnet(file),
              "a pre-activation ResNet (there is no tensor bn1.weight), "
              "which is not supported");
  // Another network with squeeze and excitation is no ResNet at all.
  CHECK_ERROR(recognise_resnet({{"blocks.0.se.conv_reduce.weight", {1}}}),
              "no ResNet: there is no tensor conv1.weight, its tensors are "
              "blocks.0.se.conv_reduce.weight");
}

}  // namespace
}  // namespace tl::test
