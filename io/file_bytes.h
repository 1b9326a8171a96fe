// read_file_bytes: a whole file in memory; file_exists.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace tl {

/// No picture or text file of this project comes near this; it stops a mistaken path early.
inline constexpr uint64_t max_file_bytes = uint64_t{1} << 30;

/// The bytes of a regular file. Throws Error("path: cause") when it is missing, a folder, not a
/// regular file, over max_file_bytes or unreadable.
std::vector<uint8_t> read_file_bytes(const std::filesystem::path& path);

/// Whether something of that name is there; false where that cannot be told.
bool file_exists(const std::filesystem::path& path);

}  // namespace tl
