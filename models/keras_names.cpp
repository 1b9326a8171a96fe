// Reading order: torchvision's place for a layer, the translation of all, numbers.
//
// Sources: keras/src/applications/resnet.py (names, epsilon, strides), keras_applications 1.0.8
// resnet50.py (the older names; its batch norms have Keras's default epsilon).
#include "models/keras_names.h"

#include "engine/ops.h"
#include "models/keras_layers.h"

namespace tl {
namespace {

constexpr double kEpsilon = 1.001e-5, kOldEpsilon = 1e-3;

using Shapes = std::map<std::string, Shape>;
using Layers = std::map<std::string, KerasLayer>;

/// "layer1.0.conv1", "layer1.0.bn1"; of the shortcut "layer1.0.downsample.0" and ".1".
struct Place {
  std::string name;
  bool is_norm = false;
  bool is_old = false;
};

/// `number` 0 is the shortcut.
Place place_in(int stage, int block, int number, bool is_norm, bool is_old) {
  const std::string prefix = concat("layer", stage, ".", block, ".");
  if (number == 0) return {concat(prefix, "downsample.", is_norm ? 1 : 0), is_norm, is_old};
  return {concat(prefix, is_norm ? "bn" : "conv", number), is_norm, is_old};
}

/// "conv2_block1_0_bn".
std::optional<Place> place_of_new(Scan name) {
  const int stage = name.word("conv") ? name.number() : -1;
  const int block = name.word("_block") ? name.number() : -1;
  const int number = name.word("_") ? name.number() : -1;
  const bool is_norm = name.rest == "_bn";
  const bool is_place =
      stage >= 2 && block >= 1 && number >= 0 && number <= 3 && (is_norm || name.rest == "_conv");
  if (!is_place) return std::nullopt;
  return place_in(stage - 1, block - 1, number, is_norm, false);
}

/// "bn2a_branch2c"; branch1 is the shortcut.
std::optional<Place> place_of_old(Scan name) {
  const bool is_norm = name.word("bn");
  const int stage = is_norm || name.word("res") ? name.number() : -1;
  const char block = name.letter();
  if (stage < 2 || block == 0 || !name.word("_branch")) return std::nullopt;
  const bool is_shortcut = name.rest == "1";
  const char branch = name.word("2") ? name.letter() : '\0';
  const bool is_place = is_shortcut || (branch >= 'a' && branch <= 'c' && name.rest.empty());
  if (!is_place) return std::nullopt;
  return place_in(stage - 1, block - 'a', is_shortcut ? 0 : branch - 'a' + 1, is_norm, true);
}

std::optional<Place> place_of(const std::string& layer) {
  if (layer == "conv1_conv") return Place{"conv1", false, false};
  if (layer == "conv1_bn") return Place{"bn1", true, false};
  if (layer == "conv1") return Place{"conv1", false, true};
  if (layer == "bn_conv1") return Place{"bn1", true, true};
  const std::optional<Place> place = place_of_new({layer});
  return place ? place : place_of_old({layer});
}

/// The convolution in front of a batch norm.
std::string conv_before(const std::string& norm, bool is_old) {
  if (!is_old) return norm.substr(0, norm.size() - 2) + "conv";
  return norm == "bn_conv1" ? "conv1" : "res" + norm.substr(2);
}

void refuse_others(const Layers& layers) {
  std::string some;
  std::size_t named = 0;
  for (const auto& [name, layer] : layers) {
    check(!name.ends_with("_preact_bn") && name != "post_bn", "is a ResNetV2 of Keras (layer ",
          name, "), whose batch norms stand before the convolutions; ResNet50, 101 and 152 are ",
          "read");
    if (named++ < 3) some += (some.empty() ? "" : ", ") + name;
  }
  check(layers.contains("conv1_conv") || layers.contains("conv1"),
        "is a Keras file, but no ResNet of keras.applications: its layers are ", some,
        layers.size() > 3 ? concat(" and ", layers.size() - 3, " more") : "");
}

class Translation {
 public:
  Translation(const Shapes& file, const Layers& layers) : file_(file), layers_(layers) {}

  KerasResNet run() {
    found_.unseen = {BottleneckStride::in_1x1, kEpsilon};
    for (const auto& [name, layer] : layers_) {
      const std::optional<Place> place = place_of(name);
      if (!place) continue;
      check(!layer.is_double, "has two layers called ", name);
      if (place->is_old) found_.unseen.epsilon = kOldEpsilon;
      place->is_norm ? add_norm(*place, name, layer) : add_conv(*place, layer);
    }
    add_head();
    return std::move(found_);
  }

 private:
  /// What is missing is for recognise_resnet to say.
  void add(const std::string& to, const KerasSource& source) {
    if (source.name.empty()) return;
    const Shape& s = file_.at(source.name);
    Shape& shape = found_.shapes[to] = s;
    if (s.rank() == 4) shape = {s[3], s[2], s[0], s[1]};
    if (s.rank() == 2) shape = {s[1], s[0]};
    found_.sources[to] = source;
  }

  void add_conv(const Place& place, const KerasLayer& layer) {
    const std::string kernel = layer.at("kernel");
    if (place.name == "conv1" && !kernel.empty()) {
      const Shape& s = file_.at(kernel);
      const bool is_theano = s.rank() == 4 && s[2] == s[3];
      check(s.rank() == 4 && s[0] == s[1], kernel, ": has shape ", s,
            ", expected [7, 7, channels, width]",
            is_theano ? "; these are Theano's filters, save them for TensorFlow" : "");
    }
    add(place.name + ".weight", {kernel, ""});
  }

  void add_norm(const Place& place, const std::string& name, const KerasLayer& layer) {
    const auto conv = layers_.find(conv_before(name, place.is_old));
    const std::string bias = conv == layers_.end() ? "" : conv->second.at("bias");
    const std::string mean = layer.at("moving_mean");
    if (!bias.empty() && !mean.empty())
      check(file_.at(bias) == file_.at(mean), bias, ": has shape ", file_.at(bias), ", ", mean, " ",
            file_.at(mean));
    add(place.name + ".weight", {layer.at("gamma"), ""});
    add(place.name + ".bias", {layer.at("beta"), ""});
    add(place.name + ".running_mean", {mean, bias});
    add(place.name + ".running_var", {layer.at("moving_variance"), ""});
  }

  /// What the last block hands to the head.
  std::int64_t features() const {
    std::int64_t most = 0;
    for (const auto& [name, shape] : found_.shapes)
      if (name.ends_with(".conv3.weight") && shape.rank() == 4) most = std::max(most, shape[0]);
    return most;
  }

  void add_head() {
    std::vector<const KerasLayer*> dense;
    for (const auto& [name, layer] : layers_) {
      const auto kernel = file_.find(layer.at("kernel"));
      if (kernel == file_.end() || kernel->second.rank() != 2 || layer.is_double) continue;
      if (name == "predictions" || name == "fc1000") {
        dense = {&layer};
        break;
      }
      dense.push_back(&layer);
    }
    if (dense.size() != 1 || file_.at(dense[0]->at("kernel"))[0] != features()) return;
    add("fc.weight", {dense[0]->at("kernel"), ""});
    const std::string bias = dense[0]->at("bias");
    found_.sources["fc.bias"] = {bias, ""};
    found_.shapes["fc.bias"] = bias.empty() ? Shape{found_.shapes["fc.weight"][0]} : file_.at(bias);
  }

  const Shapes& file_;
  const Layers& layers_;
  KerasResNet found_;
};

/// [h, w, (blue, green, red), o] to [h, w, (red, green, blue), o].
Tensor red_first(const Tensor& filter) {
  if (filter.shape()[2] != 3) return filter;
  return concat({slice(filter, 2, 2, 3), slice(filter, 2, 1, 2), slice(filter, 2, 0, 1)}, 2);
}

}  // namespace

std::optional<KerasResNet> find_keras_resnet(const std::map<std::string, Shape>& file) {
  KerasLayers layers = keras_layers(file);
  if (layers.by_name.empty()) return std::nullopt;
  refuse_others(layers.by_name);
  KerasResNet network = Translation(file, layers.by_name).run();
  for (const auto& [name, source] : network.sources) {
    layers.unused.erase(source.name);
    layers.unused.erase(source.bias);
  }
  network.unused.assign(layers.unused.begin(), layers.unused.end());
  return network;
}

std::map<std::string, Tensor> tensors_from_keras(
    const KerasResNet& found, const std::function<Tensor(const std::string&)>& read) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, source] : found.sources) {
    if (source.name.empty()) {
      tensors.emplace(name, Tensor::zeros(found.shapes.at(name), DType::f32, Device::ref));
      continue;
    }
    Tensor x = read(source.name);
    if (name == "conv1.weight" && found.is_blue_first) x = red_first(x);
    if (x.rank() == 4) x = transpose(x, {3, 2, 0, 1});
    if (x.rank() == 2) x = transpose(x, {1, 0});
    if (!source.bias.empty()) x = sub(x, read(source.bias).to(x.device(), x.dtype()));
    tensors.emplace(name, x);
  }
  for (const std::string& name : found.unused) tensors.emplace(name, read(name));
  return tensors;
}

}  // namespace tl
