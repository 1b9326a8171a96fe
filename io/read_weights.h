// read_weights: a file of weights, whatever its format.
#pragma once

#include <filesystem>

#include "io/weights_file.h"

namespace tl {

/// What read_hdf5, read_safetensors, read_pytorch_zip or read_pytorch_legacy makes of the file. The
/// content chooses, never the file's name. The file is not trusted: sizes are checked before memory
/// is taken, and what a damaged one may cost is bounded by its own size. Throws Error("path:
/// cause") in one line, for a file that holds no weights too.
WeightsFile read_weights(const std::filesystem::path& path);

}  // namespace tl
