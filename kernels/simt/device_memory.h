// Device memory: blocks of host memory of exactly the size asked for. In an ASan build the host
// may not touch them: only kernels and copies can, while a DeviceMemoryAccess lives.
#pragma once

#include <cstddef>

namespace tl::simt {

/// A block, aligned to 256 and filled with NaN; nullptr when there is no memory.
void* allocate_device_memory(std::size_t bytes);

/// Fills it with NaN once more. Returns false when `data` is no block. nullptr is ignored.
bool release_device_memory(void* data);

/// Whether these bytes lie within one block.
bool is_device_memory(const void* data, std::size_t bytes);

/// Opens all device memory while it lives. Nests.
class DeviceMemoryAccess {
 public:
  DeviceMemoryAccess();
  ~DeviceMemoryAccess();
  DeviceMemoryAccess(const DeviceMemoryAccess&) = delete;
  DeviceMemoryAccess& operator=(const DeviceMemoryAccess&) = delete;
};

}  // namespace tl::simt
