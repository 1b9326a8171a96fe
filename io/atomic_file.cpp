#include "io/atomic_file.h"

#include <fcntl.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "io/check_system.h"
#include "io/unique_fd.h"
#include "kernels/error.h"

namespace tl {
namespace {

/// The file at the end of a chain of symbolic links; `path` itself when there is none, or no such
/// file.
std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto target = std::filesystem::weakly_canonical(path, ignored);
  return ignored || target.empty() ? path : target;
}

/// Makes the rename itself durable. Some file systems cannot sync a folder; that is no failed
/// write.
void sync_folder(const std::filesystem::path& folder) {
  const UniqueFd fd(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) (void)::fsync(fd.get());
}

void write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    check_system(written >= 0, name);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : name_(path), target_(resolved(path)) {
  std::error_code ignored;  // what cannot be looked at cannot be opened either, and open says why
  const auto status = std::filesystem::status(target_, ignored);
  check(!is_directory(status), name_.string(), ": is a folder, expected a file");
  check(!exists(status) || is_regular_file(status), name_.string(),
        ": is a device, a pipe or the like, which is not replaced by a file");
  check(target_.has_filename(), name_.string(), ": not a file name");
  // The process and a counter make the name ours; open(2) with the usual mode obeys the umask,
  // which mkstemp would not.
  static std::atomic<uint64_t> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    temporary_ = target_;
    temporary_.replace_filename(
        concat(".", target_.filename().string(), ".", ::getpid(), ".", counter++, ".tmp"));
    const UniqueFd fd(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (fd) return;
    if (errno != EEXIST) break;  // EEXIST: left behind by a killed process of the same number
  }
  check_system(false, name_.string(), ": cannot be written");
}

AtomicFile::~AtomicFile() {
  if (!committed_) (void)::unlink(temporary_.c_str());
}

void AtomicFile::commit() {
  const std::string name = name_.string();
  check(!committed_, name, ": committed twice");
  UniqueFd fd(::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC));
  check_system(static_cast<bool>(fd), name, ": cannot be written");
  check_system(::fsync(fd.get()) == 0, name, ": cannot be written");
  check_system(fd.reset() == 0, name, ": cannot be written");
  check_system(::rename(temporary_.c_str(), target_.c_str()) == 0, name, ": cannot be written");
  committed_ = true;
  sync_folder(target_.parent_path());
}

void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::string_view> parts) {
  AtomicFile file(path);
  UniqueFd fd(::open(file.temporary_path().c_str(), O_WRONLY | O_CLOEXEC));
  check_system(static_cast<bool>(fd), path.string(), ": cannot be written");
  for (const std::string_view part : parts) write_all(fd.get(), part, path.string());
  check_system(fd.reset() == 0, path.string(), ": cannot be written");
  file.commit();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  write_file_atomically(path, {&bytes, 1});
}

}  // namespace tl
