#include "io/file_bytes.h"

#include <cerrno>

#include "io/check_system.h"
#include "io/regular_file.h"
#include "kernels/error.h"

namespace tl {

std::vector<uint8_t> read_file_bytes(const std::filesystem::path& path) {
  const std::string name = path.string();
  RegularFile file;
  try {
    file = open_regular_file(path);
  } catch (const Error& error) {
    throw Error(concat(name, ": ", error.what()));
  }
  check(file.bytes <= max_file_bytes, name, ": ", file.bytes, " bytes, over the limit of ",
        max_file_bytes);
  std::vector<uint8_t> bytes(file.bytes);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.fd.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    check_system(got >= 0, name);
    if (got == 0) break;  // the file shrank meanwhile
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

bool file_exists(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace tl
