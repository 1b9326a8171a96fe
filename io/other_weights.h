// What people hand over as weights that is none, or none that is read: its name, and the remedy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tl {

/// "is packed by gzip; unpack it first: gunzip": what a file is, from its first bytes, its last
/// (eight of them) and its size; "" where that is not known.
std::string name_of_other_weights(std::string_view head, std::string_view tail, uint64_t bytes);

/// The same of a folder: which file in it may be meant.
std::string advice_on_folder(const std::filesystem::path& path);

}  // namespace tl
