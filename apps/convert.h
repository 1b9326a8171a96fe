// tlrun convert: a weights file in another format.
#pragma once

#include <filesystem>
#include <string>

namespace tl {

struct ConvertOptions {
  std::string in;   ///< any weights file that is read, or a run's folder
  std::string out;  ///< .h5, .hdf5 or .safetensors
};

/// What is wrong with `out` as a file to convert to, by its ending; "" for nothing.
std::string check_convert_target(const std::string& out);

/// Writes `out`, whole or not at all, and prints what it holds. A ResNet gets torchvision's names
/// and axis orders, in f32, whatever dialect it came in, and every tensor of it must be there; a
/// head is joined with its backbone; class names and preprocessing come along. Anything else is
/// copied as it is. An `out` that exists is replaced, but never `in`. Throws Error.
void convert(const ConvertOptions& options);

}  // namespace tl
