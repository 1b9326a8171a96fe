// The caching allocator: blocks that a tensor gives back are kept and handed out again, so that a
// training step after the first asks the system for nothing.
#pragma once

#include <cstdint>

#include "engine/device.h"

namespace tl {

struct MemoryStats {
  std::int64_t current = 0;  ///< bytes in use by tensors
  std::int64_t peak = 0;     ///< the most that were in use at once since the last reset_peak()
  std::int64_t cached = 0;   ///< bytes kept for reuse
};

/// At least `bytes` bytes in the memory space of `device`, 64-byte aligned, contents undefined
/// (NaN bytes in builds with TL_EXACT_ALLOCATION, where sizes are exact and nothing is kept).
void* allocate(Device device, std::int64_t bytes);
/// Takes back a block; `bytes` as it was asked for.
void release(Device device, void* data, std::int64_t bytes);

MemoryStats memory_stats(MemorySpace space);
void reset_peak(MemorySpace space);
/// Returns the kept blocks to the system.
void release_cached_memory(MemorySpace space);

}  // namespace tl
