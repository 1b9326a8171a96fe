// Weights in safetensors files: a header in JSON, then the elements.
// Source: https://github.com/huggingface/safetensors, "Format".
#pragma once

#include <filesystem>

#include "io/shared_bytes.h"
#include "io/weights_file.h"

namespace tl {

/// The arrays in the order of the header, and the strings of __metadata__ as attributes. dtypes
/// become those of StoredType; floats of 8 bits, complex numbers and what else there may be are
/// refused by name. Arrays point into `file` where they can. Strict, as the format's own library:
/// the elements fill the file behind the header, without gaps, overlaps or anything after them.
/// Throws Error with the cause alone.
WeightsFile read_safetensors(const SharedBytes& file);

/// Writes atomically (see AtomicFile); equal content gives equal bytes. Names and attributes must
/// be UTF-8. Throws Error("path: cause").
void write_safetensors(const std::filesystem::path& path, const WeightsFile& file);

}  // namespace tl
