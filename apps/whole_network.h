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
  std::optional<std::vector<std::string>> classes;  ///< absent in a plain weights file
  std::optional<Preprocessing> preprocessing;       ///< where it is known
  std::vector<std::string> unused;                  ///< what else the file holds
};

/// Out of `file`, which was read from `path`. A head is joined with its backbone. Throws
/// Error("path: cause") where the file holds no ResNet, or a tensor of it is missing or does not
/// fit.
WholeNetwork whole_network_of(const std::filesystem::path& path, const WeightsFile& file);

/// Prints, in two lines at most, what came from `path`.
void print_what_was_read(const std::filesystem::path& path, const WeightsFile& file,
                         const WholeNetwork& model);

/// Whether the file is a head without its backbone.
bool is_head_alone(const WeightsFile& file);

/// Refuses to write `out`: Error in words, where it is `in`, or the backbone that `file`, which was
/// read from there, is the head of, under whatever name.
void check_not_overwritten(const std::filesystem::path& in, const WeightsFile& file,
                           const std::filesystem::path& out);

}  // namespace tl
