#include "io/packed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>

#include "io/check_system.h"
#include "io/unique_fd.h"
#include "kernels/error.h"

namespace tl {
namespace {

constexpr uint64_t kDeflateLimit = 1032;  // bytes that one packed byte can stand for

gzFile gz(void* file) { return static_cast<gzFile>(file); }

}  // namespace

void PackedFile::Close::operator()(void* file) const { gzclose_r(gz(file)); }

PackedFile::PackedFile(const std::filesystem::path& path) : path_(path) {
  const std::string name = path.string();
  // O_NONBLOCK: opening a pipe that nobody writes to must not hang before it is refused.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  check_system(static_cast<bool>(fd), name);
  struct stat status;
  check_system(::fstat(fd.get(), &status) == 0, name);
  check(S_ISREG(status.st_mode), name, ": not a regular file");
  check(status.st_size > 0, name, ": empty file");
  file_.reset(gzdopen(fd.get(), "rb"));
  check(file_ != nullptr, name, ": no memory to read it");
  fd.release();
  const auto file_bytes = static_cast<uint64_t>(status.st_size);
  most_bytes_ = gzdirect(gz(file_.get())) ? file_bytes : file_bytes * kDeflateLimit;
}

int64_t PackedFile::read_some(uint8_t* bytes, uint64_t size) {
  constexpr uint64_t most = 1 << 30;  // gzread takes an unsigned and returns an int
  const int got = gzread(gz(file_.get()), bytes, static_cast<unsigned>(std::min(size, most)));
  int error = Z_OK;
  const char* text = gzerror(gz(file_.get()), &error);
  if (error == Z_ERRNO) check_system(false, path_.string());
  // Z_BUF_ERROR: the packed data end early, which is told by the number of bytes.
  check(got >= 0 || error == Z_BUF_ERROR, path_.string(), ": damaged gzip file (", text, ")");
  return std::max(got, 0);
}

void PackedFile::read(std::span<uint8_t> bytes, const char* what) {
  for (size_t done = 0; done < bytes.size();) {
    const int64_t got = read_some(bytes.data() + done, bytes.size() - done);
    check(got > 0, path_.string(), ": ends after ", done_, " bytes, expected ", bytes.size() - done,
          " more of ", what);
    done += static_cast<size_t>(got);
    done_ += static_cast<uint64_t>(got);
  }
}

void PackedFile::check_end() {
  uint8_t more = 0;
  check(read_some(&more, 1) == 0, path_.string(), ": goes on after ", done_,
        " bytes, expected its end");
  int error = Z_OK;
  gzerror(gz(file_.get()), &error);
  check(error == Z_OK, path_.string(), ": truncated gzip file");
}

}  // namespace tl
