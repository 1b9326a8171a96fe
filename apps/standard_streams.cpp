#include "apps/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "io/check_system.h"

namespace tl {

void open_missing_streams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd >= 0) ::close(fd);
}

void check_standard_output() {
  const bool failed_before = std::ferror(stdout) != 0;
  check_system(std::fflush(stdout) == 0, "standard output");
  check(!failed_before, "standard output: cannot be written");
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace tl
