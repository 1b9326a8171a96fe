// A regular file, open for reading: what all readers of whole files begin with.
#pragma once

#include <cstdint>
#include <filesystem>

#include "io/unique_fd.h"

namespace tl {

struct RegularFile {
  UniqueFd fd;
  uint64_t bytes = 0;
};

/// Throws Error with the cause alone: missing, a folder, a pipe or device, not readable.
RegularFile open_regular_file(const std::filesystem::path& path);

}  // namespace tl
