#include "io/file_bytes.h"

#include <span>

#include "io/regular_file.h"
#include "kernels/error.h"

namespace tl {

std::vector<uint8_t> read_file_bytes(const std::filesystem::path& path) {
  try {
    const RegularFile file = open_regular_file(path);
    check(file.bytes <= max_file_bytes, file.bytes, " bytes, over the limit of ", max_file_bytes);
    std::vector<uint8_t> bytes(file.bytes);
    bytes.resize(read_at(file, 0, std::as_writable_bytes(std::span(bytes))));
    return bytes;
  } catch (const Error& error) {
    throw Error(concat(path.string(), ": ", error.what()));
  }
}

bool file_exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace tl
