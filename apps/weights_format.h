// What kind of weights file this is, in words.
#pragma once

#include <filesystem>
#include <string>

#include "io/weights_file.h"

namespace tl {

/// The container, and the dialect where it shows: "PyTorch (zip)", "HDF5, tlrun model 1",
/// "HDF5, Keras 2.15.0". `file` is what was read from `path`.
std::string format_of(const std::filesystem::path& path, const WeightsFile& file);

}  // namespace tl
