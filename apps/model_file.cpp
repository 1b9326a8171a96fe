#include "apps/model_file.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "apps/array_tensor.h"
#include "apps/keras_file.h"
#include "apps/unseen_config.h"
#include "io/hdf5_weights.h"
#include "io/read_weights.h"
#include "models/first_layer.h"

namespace tl {
namespace {

// Attribute "format": what the file is and the version of its form, "tlrun model 1". A change that
// an older program would misread raises the version: 2 has an attribute "unseen", which is written
// only where a network is not what its tensors look like.
constexpr const char* kModelKind = "tlrun model ";
constexpr const char* kHeadKind = "tlrun head ";
constexpr int kNewestVersion = 2;

/// The attribute's text; "" when there is none.
std::string attribute(const WeightsFile& file, const std::string& name) {
  const auto found = file.attributes.find(name);
  return found == file.attributes.end() ? "" : found->second;
}

enum class FileKind { weights, model, head };

/// What the file says it is. A plain weights file says nothing, or, in safetensors, which library
/// its arrays came from.
FileKind kind_of(const WeightsFile& file) {
  const std::string format = attribute(file, "format");
  for (const char* library : {"", "pt", "np", "tf", "flax", "mlx"}) {
    if (format == library) return FileKind::weights;
  }
  for (const auto& [kind, name] :
       {std::pair{FileKind::model, kModelKind}, {FileKind::head, kHeadKind}}) {
    if (!format.starts_with(name)) continue;
    const std::string_view text = std::string_view(format).substr(std::strlen(name));
    int version = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (error != std::errc() || end != text.data() + text.size() || version < 1) break;
    check(version <= kNewestVersion, "written by a newer tlrun: format '", format,
          "', this one reads up to version ", kNewestVersion);
    return kind;
  }
  throw Error(concat("attribute 'format' is '", format, "', expected '", kModelKind, kNewestVersion,
                     "' or none"));
}

std::optional<ModelInfo> info_of(const WeightsFile& file) {
  const std::string classes = attribute(file, "classes");
  const std::string preprocessing = attribute(file, "preprocessing");
  if (classes.empty() || preprocessing.empty()) return std::nullopt;
  ModelInfo info;
  try {
    info.classes = nlohmann::json::parse(classes).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    throw Error("attribute 'classes' is not a list of names");
  }
  for (const std::string& name : info.classes)
    check(std::ranges::none_of(name, is_control), "attribute 'classes' has a name with a control ",
          "character: ", shown(name));
  info.preprocessing = preprocessing_from_json(preprocessing);
  return info;
}

std::map<std::string, std::string> attributes_of(const std::string& kind, const ResNet& network,
                                                 const ModelInfo& info) {
  const std::string unseen = to_json(network.config.unseen);
  std::map<std::string, std::string> attributes = {{"format", kind + (unseen.empty() ? "1" : "2")},
                                                   {"architecture", name_of(network.config)},
                                                   {"classes", nlohmann::json(info.classes).dump()},
                                                   {"preprocessing", to_json(info.preprocessing)}};
  if (!unseen.empty()) attributes.emplace("unseen", unseen);
  return attributes;
}

/// Everything must be in the file.
void import_all(const ResNet& network, const std::map<std::string, Tensor>& usual) {
  const ImportReport report = import_usual_weights(network, usual);
  check(report.wrong_shape.empty(), report.wrong_shape.empty() ? "" : report.wrong_shape[0]);
  check(report.missing.empty(), report.missing.empty() ? "" : report.missing[0], " is missing");
}

std::uint64_t seed_of(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  check(error == std::errc() && end == text.data() + text.size(), "attribute 'backbone seed' is '",
        text, "', expected a number");
  return seed;
}

/// The network that write_head_file() was given.
std::unique_ptr<ResNet> network_of_head(const WeightsFile& file, Placement where) {
  const Array* weight = file.find("fc.weight");
  const Array* bias = file.find("fc.bias");
  check(weight && bias && weight->shape.size() == 2,
        "the head's fc.weight and fc.bias are missing");
  const std::string from = attribute(file, "backbone weights");
  std::map<std::string, Tensor> tensors;
  ResNetConfig config;
  std::uint64_t seed = 0;
  if (from.empty()) {
    config = resnet_config(attribute(file, "architecture"));
    seed = seed_of(attribute(file, "backbone seed"));
  } else {
    const ModelFile backbone = read_model_file(from);
    config = backbone.config();
    tensors = with_usual_names(backbone.tensors);
    adapt_first_layer(tensors, config.in_channels = kPictureChannels);
  }
  config.classes = weight->shape[0];
  Generator random = from.empty() ? Generator(seed) : Generator::of_zeros();
  auto network = std::make_unique<ResNet>(config, random, where);
  tensors["fc.weight"] = to_tensor(*weight);
  tensors["fc.bias"] = to_tensor(*bias);
  if (from.empty()) {
    import_usual_weights(*network, tensors);
  } else {
    import_all(*network, tensors);
  }
  check(checksum_of_backbone(*network) == attribute(file, "backbone checksum"), "its backbone, ",
        from.empty() ? "random weights" : from, ", is not the one that this head was trained on");
  return network;
}

std::unique_ptr<ResNet> network_of_model(const WeightsFile& file, Placement where) {
  const ModelFile model = model_of(file);
  Generator random = Generator::of_zeros();
  auto network = std::make_unique<ResNet>(model.config(), random, where);
  import_all(*network, with_usual_names(model.tensors));
  return network;
}

}  // namespace

bool is_head(const std::string& name) { return name == "fc.weight" || name == "fc.bias"; }

ResNetConfig ModelFile::config() const {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : tensors) shapes.emplace(name, tensor.shape());
  ResNetConfig config = recognise_resnet(shapes);
  config.unseen = unseen;
  check_config(config);
  return config;
}

ModelFile model_of(const WeightsFile& file) {
  check(kind_of(file) != FileKind::head,
        "is a head alone; its run was stopped before the model was written");
  ModelFile model;
  if (!read_keras(file, model)) {
    for (const auto& [name, array] : file.arrays) model.tensors.emplace(name, to_tensor(array));
    model.info = info_of(file);
    const std::string preprocessing = attribute(file, "preprocessing");
    if (!preprocessing.empty()) model.preprocessing = preprocessing_from_json(preprocessing);
    model.unseen = unseen_from_json(attribute(file, "unseen"));
  }
  model.config();
  return model;
}

ModelFile read_model_file(const std::filesystem::path& path) {
  const WeightsFile file = read_weights(path);
  try {
    return model_of(file);
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
}

WeightsFile content_of_model(const ResNet& network, const ModelInfo& info) {
  WeightsFile file;
  for (const auto& [name, tensor] : export_weights(network))
    file.arrays.emplace_back(name, sharing_array(tensor));  // of export_weights' copy
  file.attributes = attributes_of(kModelKind, network, info);
  return file;
}

void write_model_file(const std::filesystem::path& path, const ResNet& network,
                      const ModelInfo& info) {
  write_hdf5(path, content_of_model(network, info));
}

std::string checksum_of_backbone(const ResNet& network) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::uint32_t bits) { hash = (hash ^ bits) * 0x100000001b3; };
  for (const NamedTensor& s : network.state()) {
    if (is_head(s.name)) continue;
    const Array array = sharing_array(s.tensor.detached());
    for (const float value : array.as<float>()) add(std::bit_cast<std::uint32_t>(value));
  }
  for (const char c : to_json(network.config.unseen)) add(static_cast<unsigned char>(c));
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

void write_head_file(const std::filesystem::path& path, const ResNet& network,
                     const ModelInfo& info, const BackboneSource& source) {
  WeightsFile file;
  for (const NamedTensor& s : network.state()) {
    if (is_head(s.name)) file.arrays.emplace_back(s.name, to_array(s.tensor.detached()));
  }
  file.attributes = attributes_of(kHeadKind, network, info);
  file.attributes["backbone weights"] =
      source.weights.empty() ? "" : std::filesystem::absolute(source.weights).string();
  file.attributes["backbone seed"] = std::to_string(source.seed);
  file.attributes["backbone checksum"] = source.checksum;
  write_hdf5(path, file);
}

LoadedModel load_model(const std::filesystem::path& path, Placement where) {
  const WeightsFile file = read_weights(path);
  LoadedModel model;
  try {
    const FileKind kind = kind_of(file);
    const auto info = info_of(file);
    check(info.has_value(),
          "holds weights alone, no class names; only a file that tlrun train wrote can predict");
    model.info = *info;
    model.network =
        kind == FileKind::head ? network_of_head(file, where) : network_of_model(file, where);
    const std::int64_t outputs = model.network->config.classes;
    check(outputs == std::ssize(model.info.classes), "its head has ", outputs,
          " outputs, but it names ", model.info.classes.size(), " classes");
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
  model.network->eval();
  return model;
}

}  // namespace tl
