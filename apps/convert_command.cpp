#include <memory>

#include "apps/command_line.h"
#include "apps/commands.h"
#include "apps/convert.h"

namespace tl {
namespace {

constexpr const char* kConvertAbout =
    R"(Writes a weights file in another format, by the ending of OUT.
  tlrun convert resnet18.pth resnet18.h5         names and orders become torchvision's
  tlrun convert runs/3 birds.safetensors         a trained model: for PyTorch, classes included
  tlrun convert keras.h5 resnet50.safetensors

From PyTorch (.pth), safetensors, HDF5, Keras; to .safetensors and .h5.)";

}  // namespace

Command add_convert(CLI::App& tlrun) {
  const auto o = std::make_shared<ConvertOptions>();
  CLI::App& c = *tlrun.add_subcommand("convert", kConvertAbout);
  c.add_option("IN", o->in, "file, or folder of a run")->required();
  c.add_option("OUT", o->out, "*.safetensors or *.h5; an older one is replaced")
      ->required()
      ->check(check_convert_target);
  return {&c, [o] {
            convert(*o);
            return 0;
          }};
}

}  // namespace tl
