// UniqueFd: a POSIX file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <utility>

namespace tl {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  /// Closes now; the answer of close(), which is where some file systems report a failed write.
  int reset() { return fd_ < 0 ? 0 : ::close(std::exchange(fd_, -1)); }
  /// Gives it away, open.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace tl
