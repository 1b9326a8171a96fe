#include "io/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "io/check_system.h"

namespace tl {

RegularFile open_regular_file(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not hang before it is refused.
  RegularFile file{UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))};
  check_system(static_cast<bool>(file.fd));
  struct stat status;
  check_system(::fstat(file.fd.get(), &status) == 0);
  check(!S_ISDIR(status.st_mode), "is a folder, expected a file");
  check(S_ISREG(status.st_mode), "not a regular file");
  file.bytes = static_cast<uint64_t>(status.st_size);
  return file;
}

}  // namespace tl
