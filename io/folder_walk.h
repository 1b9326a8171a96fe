// What folders hold: their entries in a fixed order, and all pictures below one of them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tl {

/// Hidden names (those that start with a dot) left out; each list in bytewise order of names.
struct FolderEntries {
  std::vector<std::filesystem::path> folders;
  std::vector<std::filesystem::path> files;
};

/// Links are what they lead to; one that leads nowhere is a file. Throws Error("dir: cause").
FolderEntries entries_of(const std::filesystem::path& dir);

/// Device and number of a folder: equal for all of its names. Throws Error("dir: cause").
using FolderId = std::pair<dev_t, ino_t>;
FolderId folder_id(const std::filesystem::path& dir);

/// Whether the name ends like a picture's, in any case.
bool is_picture_name(const std::filesystem::path& path);

/// ".jpg, .jpeg, ...", for messages.
std::string list_of_endings();

struct PicturesBelow {
  /// Ordered by folder, then by name, both bytewise: torchvision sorts what os.walk gives.
  std::vector<std::filesystem::path> pictures;
  int64_t others = 0;              // files that are no pictures by their names
  std::vector<std::string> notes;  // folders that were passed over
};

/// Pictures at any depth below `dir`. A folder in `known`, or one that was met under another name,
/// is passed over with a note: so links that lead in a circle end, and no picture comes twice.
PicturesBelow pictures_below(const std::filesystem::path& dir, std::set<FolderId> known);

}  // namespace tl
