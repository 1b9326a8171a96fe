// check_system: check() for calls of the operating system.
#pragma once

#include <cerrno>
#include <system_error>

#include "kernels/error.h"

namespace tl {

/// Throws Error("parts...: what errno says") unless `ok`. errno is read in here, for in a call like
/// check(close(fd) == 0, ..., strerror(errno)) it may be read before close() sets it.
template <class... Parts>
void check_system(bool ok, const Parts&... parts) {
  if (ok) return;
  const int number = errno;
  throw Error(
      concat(parts..., sizeof...(parts) > 0 ? ": " : "", std::generic_category().message(number)));
}

}  // namespace tl
