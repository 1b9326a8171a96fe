// The caching allocator: blocks that a tensor gives back are kept and handed out again, so that a
// training step after the first asks the system for nothing. A block is kept for the stream that it
// was handed out on: work that is still queued there comes before whatever its next owner does.
// Large blocks of the host, which has one stream, come from a heap (range_heap.h).
#pragma once

#include <cstdint>
#include <memory>

#include "engine/device.h"

namespace tl {

struct MemoryStats {
  std::int64_t current = 0;  ///< bytes in use by tensors
  std::int64_t peak = 0;     ///< the most that were in use at once since the last reset_peak()
  std::int64_t cached = 0;   ///< bytes kept for reuse
};

class MemoryPool;

/// Memory in use.
struct Block {
  void* data = nullptr;
  std::int64_t bytes = 0;                      ///< as asked for
  Stream stream = {};                          ///< that it is kept for when it comes back
  std::shared_ptr<MemoryPool> pool = nullptr;  ///< or the pool
};

/// At least `bytes` bytes in the memory space of `device`, for its current stream and from the
/// current pool; 64-byte aligned, contents undefined (NaN bytes in builds with TL_EXACT_ALLOCATION,
/// where sizes are exact and nothing is handed out twice). Throws when the device has no such
/// block; the error says what is in use, kept and free.
Block allocate(Device device, std::int64_t bytes);
/// Takes back a block.
void release(Device device, Block block);

/// Blocks of a device that nobody else is given: captured work has their addresses. (The host,
/// which captures nothing, has its large blocks from the heap, pool or not.) They go back to the
/// device when the last tensor, captured step and scope that hold the pool are gone.
class MemoryPool {
 public:
  explicit MemoryPool(Device device);
  /// What used the blocks must have finished.
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  struct Kept;
  Kept& kept() { return *kept_; }

 private:
  Device device_;
  std::unique_ptr<Kept> kept_;
};

/// While it lives, this thread's blocks of the pool's memory space come from it, and those that
/// come back in this thread go to it, wherever they are from: captured work may have used them.
/// Without a pool all is as it is outside of any scope.
class PoolScope {
 public:
  PoolScope(Device device, std::shared_ptr<MemoryPool> pool);
  ~PoolScope();
  PoolScope(const PoolScope&) = delete;
  PoolScope& operator=(const PoolScope&) = delete;

 private:
  std::shared_ptr<MemoryPool> pool_;
  MemorySpace space_;
  const std::shared_ptr<MemoryPool>* previous_;
};

MemoryStats memory_stats(MemorySpace space);
void reset_peak(MemorySpace space);
/// Returns the kept blocks to the system, those of pools aside, and of the host's heap those
/// regions in which nothing is in use.
void release_cached_memory(MemorySpace space);

/// A stream gets blocks of its own, or, its work done, leaves them to the null stream.
void add_stream(Device device, Stream stream);
void remove_stream(Device device, Stream stream);

}  // namespace tl
