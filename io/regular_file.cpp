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
  check(!S_ISFIFO(status.st_mode), "is a pipe, expected a file: save what comes through it first");
  check(S_ISREG(status.st_mode), "is a device, expected a file");
  file.bytes = static_cast<uint64_t>(status.st_size);
  return file;
}

size_t read_at(const RegularFile& file, uint64_t place, std::span<std::byte> into) {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::pread(file.fd.get(), into.data() + done, into.size() - done,
                                static_cast<off_t>(place + done));
    if (got < 0 && errno == EINTR) continue;
    check_system(got >= 0);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace tl
