// How large the caches of the first processor are, as Linux says.
#pragma once

#include <cstdint>
#include <string>

namespace tl {

/// Bytes of data that each level holds. l1 and l2 belong to one core, l3 to several.
struct CacheSizes {
  std::int64_t l1 = 32 << 10, l2 = 1 << 20, l3 = 32 << 20;

  std::int64_t last_level() const { return l3 > l2 ? l3 : l2; }
};

/// Reads FOLDER/index*/{level,type,size}. What is not there stays as above; a machine that lists
/// its caches but has no third has l3 0.
CacheSizes cache_sizes(const std::string& folder = "/sys/devices/system/cpu/cpu0/cache");

}  // namespace tl
