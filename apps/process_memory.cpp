#include "apps/process_memory.h"

#include <fstream>
#include <sstream>
#include <string>

namespace tl {

ProcessMemory process_memory() {
  ProcessMemory memory;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t kilobytes = 0;
    if (!(words >> name >> kilobytes)) continue;
    if (name == "VmRSS:") memory.resident = 1024 * kilobytes;
    if (name == "VmHWM:") memory.peak = 1024 * kilobytes;
  }
  return memory;
}

}  // namespace tl
