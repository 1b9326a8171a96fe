#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/export.h"

namespace tl {
namespace {

constexpr const char* kExportAbout =
    R"(Writes a model as ONNX, for ONNX Runtime, OpenVINO, TensorRT.
  tlrun export runs/3 birds.onnx                 a trained model
  tlrun export resnet18.pth resnet18.onnx        a network of anybody's

The graph takes normalised pictures, any number at once, and gives logits. Class names and
preprocessing are in its metadata, as JSON.)";

}  // namespace

Command add_export(CLI::App& tlrun) {
  const auto o = std::make_shared<ExportOptions>();
  CLI::App& c = *tlrun.add_subcommand("export", kExportAbout);
  c.add_option("MODEL", o->model, "file, or folder of a run")->required();
  c.add_option("OUT", o->out, "*.onnx; an older one is replaced")
      ->required()
      ->check(check_export_target);
  return {&c, [o] {
            export_model(*o);
            return 0;
          }};
}

}  // namespace tl
