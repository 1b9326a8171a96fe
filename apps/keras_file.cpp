#include "apps/keras_file.h"

#include <nlohmann/json.hpp>

#include "apps/array_tensor.h"
#include "io/json_text.h"
#include "models/keras_names.h"

namespace tl {
namespace {

/// The settings of all layers of a class, models inside of models too.
std::vector<nlohmann::json> layers_of_class(const nlohmann::json& model,
                                            const std::string& wanted) {
  std::vector<nlohmann::json> settings;
  std::vector<const nlohmann::json*> open{&model};
  while (!open.empty()) {
    const nlohmann::json& layer = *open.back();
    open.pop_back();
    if (!layer.is_object() || !layer.contains("config")) continue;
    const nlohmann::json& config = layer["config"];
    if (layer.value("class_name", nlohmann::json()) == wanted) settings.push_back(config);
    const nlohmann::json inside = nlohmann::json();
    const nlohmann::json& layers =
        config.is_object() && config.contains("layers") ? config["layers"] : inside;
    for (const nlohmann::json& one : layers) open.push_back(&one);
  }
  return settings;
}

/// One number for all channels, or one for each.
std::array<float, 3> channels(const nlohmann::json& value, const char* what) {
  if (value.is_number()) {
    const float x = value;
    return {x, x, x};
  }
  check(value.is_array() && value.size() == 3 &&
            std::ranges::all_of(value, [](const nlohmann::json& x) { return x.is_number(); }),
        "its layer Rescaling has no ", what, " that is a number");
  return value.get<std::array<float, 3>>();
}

/// What the model itself does to pixels of 0 to 255; nothing, if that is not in it.
std::optional<Preprocessing> rescaling(const std::string& model_config) {
  const nlohmann::json model = parse_json(model_config);
  check(layers_of_class(model, "Normalization").empty(),
        "has a layer Normalization, which is not read; save the network behind it");
  const std::vector<nlohmann::json> layers = layers_of_class(model, "Rescaling");
  if (layers.empty()) return std::nullopt;
  check(layers.size() == 1 && layers[0].is_object(), "has ", layers.size(),
        " layers Rescaling, expected one");
  const auto scale = channels(layers[0].value("scale", nlohmann::json(1)), "scale");
  const auto offset = channels(layers[0].value("offset", nlohmann::json(0)), "offset");
  Preprocessing pixels;  // v scale + offset = (v / 255 - mean) / std
  for (std::size_t c = 0; c < 3; ++c) {
    check(scale[c] > 0 && std::isfinite(scale[c]) && std::isfinite(offset[c]),
          "its layer Rescaling has the scale ", scale[c], " and the offset ", offset[c]);
    pixels.std[c] = 1 / (255 * scale[c]);
    pixels.mean[c] = -offset[c] * pixels.std[c];
  }
  return pixels;
}

}  // namespace

bool read_keras(const WeightsFile& file, ModelFile& model) {
  std::map<std::string, Shape> shapes;
  std::map<std::string, const Array*> arrays;
  for (const auto& [name, array] : file.arrays) {
    shapes.emplace(name, Shape(array.shape));
    arrays.emplace(name, &array);
  }
  std::optional<KerasResNet> network = find_keras_resnet(shapes);
  if (!network) return false;
  const auto config = file.attributes.find("model_config");
  const std::optional<Preprocessing> own =
      config == file.attributes.end() ? std::nullopt : rescaling(config->second);
  network->is_blue_first = !own;
  model.tensors = tensors_from_keras(
      *network, [&](const std::string& name) { return to_tensor(*arrays.at(name)); });
  model.unseen = network->unseen;
  model.preprocessing = own.value_or(caffe_preprocessing());
  return true;
}

}  // namespace tl
