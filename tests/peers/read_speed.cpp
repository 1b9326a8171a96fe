// One reading of a file in a process of its own: `read_speed weights FILE` what read_weights does,
// `read_speed copy FILE` what a plain copy of the file into memory costs. Prints one line of JSON:
// seconds, bytes (of the arrays, or of the copy) and peak_bytes, the most memory that this process
// and its children had.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "io/read_weights.h"
#include "io/unique_fd.h"
#include "kernels/error.h"

namespace {

using Clock = std::chrono::steady_clock;

/// A line of /proc/self/status, in bytes.
long long status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return 1024 * std::atoll(line.c_str() + key.size());
  throw tl::Error("/proc/self/status: no " + key);
}

/// A child's pages that it shares with this process are counted here already.
long long peak_bytes() {
  rusage children{};
  ::getrusage(RUSAGE_CHILDREN, &children);
  const long long beyond = 1024LL * children.ru_maxrss - status_bytes("VmRSS:");
  return status_bytes("VmHWM:") + std::max(0LL, beyond);
}

void print(Clock::time_point start, Clock::time_point end, unsigned long long bytes) {
  std::printf("{\"seconds\": %.6f, \"bytes\": %llu, \"peak_bytes\": %lld}\n",
              std::chrono::duration<double>(end - start).count(), bytes, peak_bytes());
}

void read_weights(const char* path) {
  const auto start = Clock::now();
  const tl::WeightsFile file = tl::read_weights(path);
  const auto end = Clock::now();
  unsigned long long bytes = 0;
  for (const auto& [name, array] : file.arrays) bytes += array.bytes();
  print(start, end, bytes);
}

void copy(const char* path) {
  const auto start = Clock::now();
  const tl::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  struct stat status {};
  tl::check(fd && ::fstat(fd.get(), &status) == 0, path, ": cannot be read");
  const auto bytes = static_cast<size_t>(status.st_size);
  const std::unique_ptr<char, void (*)(void*)> memory(static_cast<char*>(std::malloc(bytes)),
                                                      std::free);
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::read(fd.get(), memory.get() + done, bytes - done);
    tl::check(got > 0, path, ": cannot be read");
    done += static_cast<size_t>(got);
  }
  print(start, Clock::now(), bytes);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argc == 3 ? argv[1] : "";
    tl::check(what == "weights" || what == "copy", "usage: read_speed weights|copy FILE");
    what == "copy" ? copy(argv[2]) : read_weights(argv[2]);
  } catch (const tl::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
