// AtomicFile: a file that appears under its name whole or not at all.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace tl {

/// Creates an empty temporary file in the folder of `path`; commit() makes its content durable and
/// gives it the name. Until then, and if anything throws, `path` keeps what it had; the temporary
/// file goes away with the object. Where `path` is a symbolic link, the file that it points to is
/// replaced.
///
///   AtomicFile file(path);
///   write_something(file.temporary_path());
///   file.commit();
class AtomicFile {
 public:
  /// Throws Error("path: cause") when the folder is missing or not writable, or `path` is a folder,
  /// a device or anything else but a file.
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Where to write. The file exists and is empty.
  const std::filesystem::path& temporary_path() const { return temporary_; }

  /// fsync, rename, fsync of the folder. Once only. Throws Error("path: cause").
  void commit();

 private:
  std::filesystem::path name_;    // as the caller wrote it, for messages
  std::filesystem::path target_;  // with symbolic links resolved
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// Replaces the content of `path` by `parts`, one after another, whole or not at all.
void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::string_view> parts);
/// The same of one part.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace tl
