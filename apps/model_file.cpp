#include "apps/model_file.h"

#include <nlohmann/json.hpp>

#include "apps/array_tensor.h"
#include "io/hdf5_weights.h"

namespace tl {
namespace {

constexpr const char* kFormat = "tlrun model 1";

std::optional<ModelInfo> info_of(const WeightsFile& file) {
  const auto classes = file.attributes.find("classes");
  const auto preprocessing = file.attributes.find("preprocessing");
  const auto format = file.attributes.find("format");
  check(format == file.attributes.end() || format->second == kFormat, "is a '",
        format == file.attributes.end() ? "" : format->second, "', this program reads '", kFormat,
        "'");
  if (classes == file.attributes.end() || preprocessing == file.attributes.end())
    return std::nullopt;
  ModelInfo info;
  try {
    info.classes = nlohmann::json::parse(classes->second).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    throw Error("attribute 'classes' is not a list of names");
  }
  info.preprocessing = preprocessing_from_json(preprocessing->second);
  return info;
}

}  // namespace

ResNetConfig ModelFile::config() const {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : tensors) shapes.emplace(name, tensor.shape());
  return recognise_resnet(shapes);
}

ModelFile read_model_file(const std::filesystem::path& path) {
  const WeightsFile file = read_hdf5(path);
  ModelFile model;
  try {
    for (const auto& [name, array] : file.arrays) model.tensors.emplace(name, to_tensor(array));
    model.info = info_of(file);
    model.config();
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
  return model;
}

void write_model_file(const std::filesystem::path& path, const ResNet& network,
                      const ModelInfo& info) {
  WeightsFile file;
  for (const auto& [name, tensor] : export_weights(network))
    file.arrays.emplace_back(name, to_array(tensor));
  file.attributes = {{"format", kFormat},
                     {"architecture", name_of(network.config)},
                     {"classes", nlohmann::json(info.classes).dump()},
                     {"preprocessing", to_json(info.preprocessing)}};
  write_hdf5(path, file);
}

LoadedModel load_model(const std::filesystem::path& path, Placement where) {
  const ModelFile file = read_model_file(path);
  check(file.info.has_value(), path.string(),
        ": holds weights alone, no class names; only a file that tlrun train wrote can predict");
  const ResNetConfig config = file.config();
  check(config.classes == static_cast<std::int64_t>(file.info->classes.size()), path.string(),
        ": its head has ", config.classes, " outputs, but it names ", file.info->classes.size(),
        " classes");
  Generator random(0);
  LoadedModel model{std::make_unique<ResNet>(config, random, where), *file.info};
  const ImportReport report = import_weights(*model.network, file.tensors);
  check(report.missing.empty(), path.string(), ": ",
        report.missing.empty() ? "" : report.missing[0], " is missing");
  check(report.wrong_shape.empty(), path.string(), ": ",
        report.wrong_shape.empty() ? "" : report.wrong_shape[0]);
  model.network->eval();
  return model;
}

}  // namespace tl
