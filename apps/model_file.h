// A model on disk: weights in torchvision's names and order, and in the file's attributes what they
// do not say: class names, preprocessing, and where the network is an unusual one, in what
// (attribute "unseen"). Plain weights files have none of the attributes. While a frozen backbone's
// head is trained, a file may hold the head alone and say where the rest is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/preprocess.h"
#include "io/weights_file.h"
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
  std::optional<ModelInfo> info;               ///< absent in a plain weights file
  std::optional<Preprocessing> preprocessing;  ///< where the file, or its origin, tells
  UnseenConfig unseen;                         ///< torchvision's, where the file does not say

  ResNetConfig config() const;
};

/// Throws Error with the cause alone.
ModelFile model_of(const WeightsFile& file);
/// Throws Error("path: cause").
ModelFile read_model_file(const std::filesystem::path& path);

/// What write_model_file() writes; the numbers are copies.
WeightsFile content_of_model(const ResNet& network, const ModelInfo& info);

/// Writes the whole network, or nothing: the file appears only when it is complete.
void write_model_file(const std::filesystem::path& path, const ResNet& network,
                      const ModelInfo& info);

/// Where a frozen backbone came from.
struct BackboneSource {
  std::string weights;     ///< file; empty: random weights of the network's architecture
  std::uint64_t seed = 0;  ///< of random weights
  std::string checksum;    ///< checksum_of_backbone(), 16 hexadecimal digits
};

/// FNV-1a over the numbers of all tensors but the head's, and what is unseen and unusual.
std::string checksum_of_backbone(const ResNet& network);

/// Writes the head of `network` and where the rest came from; as atomic as the above.
void write_head_file(const std::filesystem::path& path, const ResNet& network,
                     const ModelInfo& info, const BackboneSource& source);

/// Of the pictures that models are trained on; grey ones have three equal channels.
inline constexpr std::int64_t kPictureChannels = 3;

/// Whether a tensor belongs to the head.
bool is_head(const std::string& name);

/// A network with the file's head and class names, in evaluation mode. A head file's backbone is
/// read, or drawn, anew, and its first layer adapted if it is for other pictures. Throws when
/// tensors are missing or do not fit, or when the backbone is not the one that the head was trained
/// on.
struct LoadedModel {
  std::unique_ptr<ResNet> network;
  ModelInfo info;
};
LoadedModel load_model(const std::filesystem::path& path, Placement where);

}  // namespace tl
