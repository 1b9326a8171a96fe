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

/// What a path shows before anything is read: a folder with weights in it, or the name of a
/// TensorFlow checkpoint; "" otherwise.
std::string advice_on_path(const std::filesystem::path& path);

}  // namespace tl
