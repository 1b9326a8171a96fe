// A model on disk: weights in torchvision's names and order, and in the file's attributes what they
// do not say: class names and preprocessing. Plain weights files have none of the attributes.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/preprocess.h"
#include "models/resnet.h"
#include "models/weight_names.h"

namespace tl {

struct ModelInfo {
  std::vector<std::string> classes;
  Preprocessing preprocessing;
};

/// A weights file as tensors on `ref`, in the file's names and axis orders.
struct ModelFile {
  std::map<std::string, Tensor> tensors;
  std::optional<ModelInfo> info;  ///< absent in a plain weights file

  ResNetConfig config() const;
};

/// Throws Error("path: cause").
ModelFile read_model_file(const std::filesystem::path& path);

/// Writes the whole network, or nothing: the file appears only when it is complete.
void write_model_file(const std::filesystem::path& path, const ResNet& network,
                      const ModelInfo& info);

/// A network with the file's head and class names; throws when tensors are missing or do not fit.
struct LoadedModel {
  std::unique_ptr<ResNet> network;
  ModelInfo info;
};
LoadedModel load_model(const std::filesystem::path& path, Placement where);

}  // namespace tl
