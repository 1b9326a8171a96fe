#include "apps/whole_network.h"

#include <cstdio>

#include "apps/starting_network.h"
#include "apps/weights_format.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

/// Where a head file's backbone is; "" for other files, and for random weights.
std::string backbone_of(const WeightsFile& file) {
  const auto found = file.attributes.find("backbone weights");
  return found == file.attributes.end() ? "" : found->second;
}

/// Every tensor of the network must have come from the file.
void check_complete(const ResNetConfig& config, const ImportReport& report) {
  std::vector<std::string> problems = report.wrong_shape;
  for (const std::string& name : report.missing) {
    if (config.classes > 0 || !is_head(name)) problems.push_back(name + " is missing");
  }
  check(problems.empty(), "does not fit ", name_of(config), ": ", joined(problems, 4));
}

WholeNetwork joined_head(const fs::path& path) {
  LoadedModel model = load_model(path, {});
  return {std::move(model.network), std::move(model.info.classes), model.info.preprocessing, {}};
}

std::string in_words(const WholeNetwork& model) {
  const ResNetConfig& config = model.network->config;
  if (config.classes == 0) return name_of(config) + " without a head";
  return concat(name_of(config), ", ", config.classes, " classes",
                model.classes ? ": " + joined(*model.classes, 5) : ", which have no names");
}

}  // namespace

bool is_head_alone(const WeightsFile& file) {
  return file.attributes.contains("backbone checksum");
}

WholeNetwork whole_network_of(const fs::path& path, const WeightsFile& file) {
  if (is_head_alone(file)) return joined_head(path);
  try {
    const ModelFile model = model_of(file);
    const ResNetConfig config = model.config();
    Generator random = Generator::of_zeros();
    WholeNetwork whole{std::make_unique<ResNet>(config, random), {}, model.preprocessing, {}};
    ImportReport report = import_weights(*whole.network, model.tensors);
    check_complete(config, report);
    whole.network->eval();
    if (model.info) whole.classes = model.info->classes;
    whole.unused = std::move(report.unexpected);
    return whole;
  } catch (const Error& error) {
    throw Error(path.string() + ": " + error.what());
  }
}

void print_what_was_read(const fs::path& path, const WeightsFile& file, const WholeNetwork& model) {
  std::printf("read      %s: %s; %s\n", path.c_str(), format_of(path, file).c_str(),
              in_words(model).c_str());
  if (!model.unused.empty())
    std::printf("          in the file, not used: %s\n", joined(model.unused, 4).c_str());
}

void check_not_overwritten(const fs::path& in, const WeightsFile& file, const fs::path& out) {
  std::error_code ignored;  // what does not exist is not the same
  check(!fs::equivalent(in, out, ignored), out.string(),
        ": is the file that is read; name another");
  const std::string backbone = backbone_of(file);
  check(backbone.empty() || !fs::equivalent(backbone, out, ignored), out.string(), ": ",
        in.string(), " is a head on this file; name another");
}

}  // namespace tl
