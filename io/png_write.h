// write_png: a picture as a PNG file.
#pragma once

#include <filesystem>

#include "io/image.h"

namespace tl {

/// Writes atomically (see AtomicFile); read_image gives the same pixels back. Equal pictures give
/// equal bytes. Throws Error("path: cause"); the sides must be positive.
void write_png(const std::filesystem::path& path, const Image& x);

}  // namespace tl
