// In the place of write_onnx.cpp where the build found no ONNX.
#include "apps/onnx/write_onnx.h"

namespace tl {

void check_onnx_is_built_in() {
  throw Error(
      "this tlrun was built without ONNX; install libonnx-dev, libprotobuf-dev and "
      "protobuf-compiler, and build it again");
}

OnnxSummary write_onnx(const std::filesystem::path&, const ResNet&, const Preprocessing&,
                       const std::optional<std::vector<std::string>>&) {
  check_onnx_is_built_in();
  return {};
}

}  // namespace tl
