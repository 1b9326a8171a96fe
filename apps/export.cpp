#include "apps/export.h"

#include <cstdio>

#include "apps/onnx/write_onnx.h"
#include "apps/run_folder.h"
#include "apps/whole_network.h"
#include "io/read_weights.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

std::string in_brackets(const std::array<float, 3>& x) {
  char text[64];
  std::snprintf(text, sizeof(text), "[%g, %g, %g]", static_cast<double>(x[0]),
                static_cast<double>(x[1]), static_cast<double>(x[2]));
  return text;
}

void say_what_it_takes(const ResNetConfig& config, const Preprocessing& p) {
  std::printf("input     %s [batch, %lld, %d, %d] f32\n", kOnnxInput,
              static_cast<long long>(config.in_channels), p.crop, p.crop);
  std::printf("          RGB, shorter side to %d, centre %d x %d, / 255, mean %s, std %s\n",
              p.resize, p.crop, p.crop, in_brackets(p.mean).c_str(), in_brackets(p.std).c_str());
  std::printf("output    %s [batch, %lld] f32, before softmax\n", kOnnxOutput,
              static_cast<long long>(config.classes));
}

}  // namespace

std::string check_export_target(const std::string& out) {
  if (out.ends_with(".onnx")) return "";
  if (out.ends_with(".h5") || out.ends_with(".safetensors"))
    return out + ": tlrun convert writes that";
  return out + ": the name must end in .onnx";
}

void export_model(const ExportOptions& options) {
  check_onnx_is_built_in();
  const fs::path in = find_model(options.model), out = options.out;
  const WeightsFile file = read_weights(in);
  check_not_overwritten(in, file, out);
  const WholeNetwork model = whole_network_of(in, file);
  const ResNetConfig& config = model.network->config;
  check(config.classes > 0, in.string(),
        ": has no head, so there is nothing to classify with; train one first");
  check(config.in_channels == 3, in.string(), ": its first layer takes ", config.in_channels,
        " channels, pictures have 3");
  const Preprocessing preprocessing = model.preprocessing.value_or(Preprocessing());
  print_what_was_read(in, file, model);
  const OnnxSummary summary = write_onnx(out, *model.network, preprocessing, model.classes);
  std::printf("written   %s: ONNX, operator set %d, %zu nodes, %.1f MB\n", out.c_str(), kOnnxOpset,
              summary.nodes, static_cast<double>(summary.bytes) / 1e6);
  say_what_it_takes(config, preprocessing);
}

}  // namespace tl
