#include "apps/whole_network.h"

#include "apps/starting_network.h"
#include "io/read_weights.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

/// Where a head file's backbone is; "" for other files, and for random weights.
std::string backbone_of(const WeightsFile& file) {
  const auto found = file.attributes.find("backbone weights");
  return found == file.attributes.end() ? "" : found->second;
}

bool is_head_alone(const WeightsFile& file) {
  return file.attributes.contains("backbone checksum");
}

/// Every tensor of the network must have come from the file.
void check_complete(const fs::path& path, const ResNetConfig& config, const ImportReport& report) {
  std::vector<std::string> problems = report.wrong_shape;
  for (const std::string& name : report.missing) {
    if (config.classes > 0 || !is_head(name)) problems.push_back(name + " is missing");
  }
  check(problems.empty(), path.string(), ": does not fit ", name_of(config), ": ",
        joined(problems, 4));
}

}  // namespace

WholeNetwork read_whole_network(const fs::path& path) {
  WholeNetwork whole;
  if (is_head_alone(read_weights(path))) {
    LoadedModel model = load_model(path, {});
    return {std::move(model.network), std::move(model.info), {}};
  }
  ModelFile file = read_model_file(path);
  const ResNetConfig config = file.config();
  Generator random = Generator::of_zeros();
  whole.network = std::make_unique<ResNet>(config, random);
  ImportReport report = import_weights(*whole.network, file.tensors);
  check_complete(path, config, report);
  whole.network->eval();
  whole.info = std::move(file.info);
  whole.unused = std::move(report.unexpected);
  return whole;
}

std::string describe(const WholeNetwork& model) {
  const ResNetConfig& config = model.network->config;
  const std::string name = name_of(config);
  if (config.classes == 0) return name + " without a head";
  return concat(name, ", ", config.classes, " classes",
                model.info ? ": " + joined(model.info->classes, 5) : ", which have no names");
}

void check_not_overwritten(const fs::path& in, const fs::path& out) {
  std::error_code ignored;  // what does not exist is not the same
  check(!fs::equivalent(in, out, ignored), out.string(),
        ": is the file that is read; name another");
  const std::string backbone = backbone_of(read_weights(in));
  check(backbone.empty() || !fs::equivalent(backbone, out, ignored), out.string(), ": ",
        in.string(), " is a head on this file; name another");
}

}  // namespace tl
