#include "io/folder_walk.h"

#include <sys/stat.h>

#include <algorithm>

#include "io/check_system.h"
#include "io/image.h"
#include "kernels/error.h"

namespace tl {
namespace {

namespace fs = std::filesystem;

void sort_by_name(std::vector<fs::path>& paths) {
  std::sort(paths.begin(), paths.end(), [](const fs::path& a, const fs::path& b) {
    return a.filename().string() < b.filename().string();
  });
}

using FolderAndName = std::pair<std::string, std::string>;

void collect(const fs::path& dir, std::set<FolderId>& known, std::vector<FolderAndName>& pictures,
             PicturesBelow& below) {
  const FolderEntries entries = entries_of(dir);
  for (const fs::path& file : entries.files) {
    if (is_picture_name(file)) {
      pictures.emplace_back(dir.string(), file.filename().string());
    } else {
      ++below.others;
    }
  }
  for (const fs::path& folder : entries.folders) {
    if (known.insert(folder_id(folder)).second) {
      collect(folder, known, pictures, below);
    } else {
      below.notes.push_back(
          concat(folder.string(), ": a link to a folder that is read elsewhere, passed over"));
    }
  }
}

}  // namespace

FolderEntries entries_of(const fs::path& dir) {
  std::error_code error;
  FolderEntries entries;
  for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with('.')) continue;
    std::error_code ignored;  // a link to nowhere is no folder
    (it->is_directory(ignored) ? entries.folders : entries.files).push_back(it->path());
  }
  const bool is_denied = error == std::errc::permission_denied;
  check(!error, dir.string(), ": ", error.message(),
        is_denied ? "; make the folder readable or move it away" : "");
  sort_by_name(entries.folders);
  sort_by_name(entries.files);
  return entries;
}

FolderId folder_id(const fs::path& dir) {
  struct stat status;
  check_system(::stat(dir.c_str(), &status) == 0, dir.string());
  return {status.st_dev, status.st_ino};
}

bool is_picture_name(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto endings = picture_endings();
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

std::string list_of_endings() {
  std::string list;
  for (const std::string_view ending : picture_endings())
    list += concat(list.empty() ? "" : ", ", ending);
  return list;
}

PicturesBelow pictures_below(const fs::path& dir, std::set<FolderId> known) {
  PicturesBelow below;
  std::vector<FolderAndName> found;
  known.insert(folder_id(dir));
  collect(dir, known, found, below);
  std::sort(found.begin(), found.end());
  below.pictures.reserve(found.size());
  for (const auto& [folder, name] : found) below.pictures.push_back(fs::path(folder) / name);
  return below;
}

}  // namespace tl
