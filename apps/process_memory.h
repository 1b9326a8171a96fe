// How much memory this process has, as the kernel counts it.
#pragma once

#include <cstdint>

namespace tl {

struct ProcessMemory {
  std::int64_t resident = 0;  ///< bytes in memory now (VmRSS)
  std::int64_t peak = 0;      ///< the most there were since the start (VmHWM)
};

/// From /proc/self/status; zeros where there is none.
ProcessMemory process_memory();

}  // namespace tl
