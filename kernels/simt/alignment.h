// check_aligned: a GPU stops with an error where an access is wider than its address is aligned;
// a host may not notice.
#pragma once

#include <cstddef>

#include "kernels/error.h"
#include "kernels/simt/scheduler.h"

namespace tl::simt {

/// Throws unless `place` is a multiple of `bytes`.
inline void check_aligned(const void* place, std::size_t bytes) {
  if (reinterpret_cast<std::size_t>(place) % bytes == 0) return;
  running_scheduler("check_aligned")
      .fail("accesses ", bytes, " bytes at ", place, ", which is not a multiple of them");
}

}  // namespace tl::simt
