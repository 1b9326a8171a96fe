// Names of classes: what they may be, and lists of them in text files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tl {

/// Refuses a name that JSON cannot hold, for what is trained is saved with its class names as JSON:
/// Error("where: ... is not UTF-8 ...").
void check_class_name(const std::filesystem::path& where, const std::string& name);

/// One name a line; empty lines and carriage returns are dropped. Throws Error("file: cause") when
/// it cannot be read, a name comes twice or is none, or there are not `count` (0: any number).
std::vector<std::string> read_class_names(const std::filesystem::path& file, size_t count);

}  // namespace tl
