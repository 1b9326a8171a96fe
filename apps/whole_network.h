// WholeNetwork: all of a network, out of any file that holds one, for who writes it elsewhere.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/model_file.h"

namespace tl {

struct WholeNetwork {
  std::unique_ptr<ResNet> network;  ///< on cpu, in f32, in evaluation mode; 0 classes: no head
  std::optional<ModelInfo> info;    ///< absent in a plain weights file
  std::vector<std::string> unused;  ///< what else the file holds
};

/// A head is joined with its backbone. Throws Error("path: cause") where the file holds no ResNet,
/// or a tensor of it is missing or does not fit.
WholeNetwork read_whole_network(const std::filesystem::path& path);

/// "resnet18, 2 classes: ants, bees"
std::string describe(const WholeNetwork& model);

/// Refuses to write `out`: Error in words, where it is `in`, or the backbone that `in` is the head
/// of, under whatever name. `in` must be readable.
void check_not_overwritten(const std::filesystem::path& in, const std::filesystem::path& out);

}  // namespace tl
