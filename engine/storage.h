// Storage: one block of device memory, shared by the tensors that view it.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "engine/allocator.h"
#include "engine/device.h"

namespace tl {

class Storage {
 public:
  Storage(Device device, std::int64_t bytes) : device_(device), block_(allocate(device, bytes)) {}
  ~Storage() { release(device_, std::move(block_)); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Device device() const { return device_; }
  std::int64_t bytes() const { return block_.bytes; }
  void* data() const { return block_.data; }

  /// Counts the writes, so that a reader who comes back later (a backward pass, a compiled plan)
  /// can tell whether the contents are still the ones it saw. Threads may write different rows.
  std::uint64_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  Device device_;
  Block block_;
  std::atomic<std::uint64_t> version_ = 0;
};

}  // namespace tl
