// ZipArchive: the entries of a zip file in memory, where they lie in it.
//
// Own code, for what is needed is where an entry's bytes are, so that they can be used without a
// copy, and libraries for zip files only hand out copies. PyTorch stores entries as they are, so
// nothing is unpacked here; a packed or encrypted entry cannot be asked for, and with it no zip
// bomb.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tl {

class ZipArchive {
 public:
  struct Entry {
    std::string_view name;
    std::span<const std::byte> bytes;
    bool is_encrypted;
    uint16_t method;  // 0: as it is
  };

  /// `file` must outlive the object. Reads the directory at the end, zip64 too, and checks all of
  /// it: entries lie in the file, before the directory, none over another, no name twice. Checksums
  /// are not looked at (PyTorch can leave them out). Throws Error with the cause alone.
  explicit ZipArchive(std::span<const std::byte> file);

  /// In the order of their names.
  std::span<const Entry> entries() const { return entries_; }
  /// The entry of that name, or nullptr. Throws Error with the cause alone when it is not stored as
  /// it is.
  const Entry* find(std::string_view name) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace tl
