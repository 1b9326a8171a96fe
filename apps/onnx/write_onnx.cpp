#include "apps/onnx/write_onnx.h"

#include <nlohmann/json.hpp>

#include "apps/onnx/onnx_builder.h"
#include "io/atomic_file.h"

namespace tl {
namespace {

/// Of 2022, with operator set 17.
constexpr int kIrVersion = 8;

void add_metadata(onnx::ModelProto& model, const std::string& key, const std::string& value) {
  onnx::StringStringEntryProto& entry = *model.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

std::string about_input(const Preprocessing& p) {
  return concat("Pictures, ", kOnnxInput, " [batch, channel, height, width]: RGB, shorter side to ",
                p.resize, " pixels (antialiased bilinear, as Pillow), the ", p.crop, " x ", p.crop,
                " centre, values / 255, minus mean, divided by std: ", to_json(p));
}

}  // namespace

void check_onnx_is_built_in() {}

OnnxSummary write_onnx(const std::filesystem::path& path, const ResNet& network,
                       const Preprocessing& preprocessing,
                       const std::optional<std::vector<std::string>>& classes) {
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("tlrun");
  model.set_producer_version(TL_VERSION);
  model.set_doc_string(about_input(preprocessing));
  model.add_opset_import()->set_version(kOnnxOpset);
  add_metadata(model, "architecture", name_of(network.config));
  add_metadata(model, "preprocessing", to_json(preprocessing));
  if (classes) add_metadata(model, "classes", nlohmann::json(*classes).dump());

  onnx::GraphProto& graph = *model.mutable_graph();
  graph.set_name(name_of(network.config));
  OnnxBuilder builder(network, graph);
  const std::int64_t side = preprocessing.crop;
  const PlanValue x = builder.input(kOnnxInput, {1, side, side, network.config.in_channels});
  builder.output(kOnnxOutput, network.lower(builder, x));

  std::string bytes;
  check(model.SerializeToString(&bytes), path.string(),
        ": the network is larger than an ONNX file may be (2 GiB)");
  write_file_atomically(path, bytes);
  return {static_cast<std::size_t>(graph.node_size()),
          static_cast<std::size_t>(graph.initializer_size()), bytes.size()};
}

}  // namespace tl
