#include "io/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "io/check_system.h"
#include "io/unique_fd.h"
#include "kernels/error.h"

namespace tl {

std::vector<uint8_t> read_file_bytes(const std::filesystem::path& path) {
  const std::string name = path.string();
  // O_NONBLOCK: opening a pipe that nobody writes to must not hang before it is refused.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  check_system(static_cast<bool>(fd), name);
  struct stat status;
  check_system(::fstat(fd.get(), &status) == 0, name);
  check(!S_ISDIR(status.st_mode), name, ": is a folder, expected a file");
  check(S_ISREG(status.st_mode), name, ": not a regular file");
  check(status.st_size <= max_file_bytes, name, ": ", status.st_size, " bytes, over the limit of ",
        max_file_bytes);
  std::vector<uint8_t> bytes(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + done, bytes.size() - done);
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
