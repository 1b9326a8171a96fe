// What is in a weights file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "apps/model_file.h"
#include "io/weights_file.h"

namespace tl {

/// A weights file, and what is known of it.
struct InspectedFile {
  std::filesystem::path path;
  std::string format;   ///< container and dialect: "HDF5, tlrun model 1", "PyTorch zip"
  WeightsFile content;  ///< in the file's own names and orders
  std::optional<ModelFile> network;  ///< the same as a ResNet, if it is one
  std::string why_no_network;        ///< else
  /// Numbers in all but the running statistics and counters of batch norms. Of a ResNet as it is
  /// loaded: without an optimizer's state, and with convolutions' biases folded away.
  std::int64_t parameters = 0;
};

/// Throws Error("path: cause").
InspectedFile read_for_inspection(const std::filesystem::path& path);

void print_weights(const InspectedFile& file);
void print_weights_as_json(const InspectedFile& file);

}  // namespace tl
