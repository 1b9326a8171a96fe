// A network as an ONNX model, for ONNX Runtime, OpenVINO, TensorRT and others.
#pragma once

#include <filesystem>
#include <optional>

#include "apps/model_file.h"

namespace tl {

/// Throws Error, saying what to install, where tlrun was built without ONNX.
void check_onnx_is_built_in();

struct OnnxSummary {
  std::size_t nodes = 0, initialisers = 0, bytes = 0;
};

constexpr int kOnnxOpset = 17;
constexpr const char* kOnnxInput = "input";
constexpr const char* kOnnxOutput = "logits";

/// Writes atomically (io/atomic_file.h); equal networks give equal bytes. The graph computes what
/// the frozen network does (nn/frozen.h): x [batch, channels, crop, crop] in f32, any number of
/// pictures, normalised, to logits [batch, classes]. metadata_props has "architecture",
/// "preprocessing" and, where they are known, "classes", in the text of our model files. Throws
/// Error("path: cause").
OnnxSummary write_onnx(const std::filesystem::path& path, const ResNet& network,
                       const Preprocessing& preprocessing,
                       const std::optional<std::vector<std::string>>& classes);

}  // namespace tl
