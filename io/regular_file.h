// A regular file, open for reading: what all readers of whole files begin with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "io/unique_fd.h"

namespace tl {

struct RegularFile {
  UniqueFd fd;
  uint64_t bytes = 0;  // when it was opened
};

/// Throws Error with the cause alone: missing, a folder, a pipe or device, not readable.
RegularFile open_regular_file(const std::filesystem::path& path);

/// Fills `into` with what stands at that place. Returns how many bytes: fewer where the file ends
/// before, now. Throws Error with the cause alone.
size_t read_at(const RegularFile& file, uint64_t place, std::span<std::byte> into);

}  // namespace tl
