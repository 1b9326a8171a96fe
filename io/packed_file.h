// PackedFile: a file that may be packed by gzip, read from front to back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace tl {

/// Reads the content of a regular file, unpacked where it starts as gzip does. Errors are
/// Error("path: cause").
class PackedFile {
 public:
  explicit PackedFile(const std::filesystem::path& path);

  /// The next `bytes.size()` bytes; throws when the file ends before, naming `what` they are.
  void read(std::span<uint8_t> bytes, const char* what);
  /// Throws unless everything was read.
  void check_end();
  /// No content is longer: the size of the file, times deflate's limit if it is packed.
  uint64_t most_bytes() const { return most_bytes_; }

 private:
  struct Close {
    void operator()(void* file) const;
  };

  int64_t read_some(uint8_t* bytes, uint64_t size);

  std::filesystem::path path_;
  uint64_t most_bytes_ = 0;
  uint64_t done_ = 0;
  std::unique_ptr<void, Close> file_;  // gzFile
};

}  // namespace tl
