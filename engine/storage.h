// Storage: one block of device memory, shared by the tensors that view it. Or memory that somebody
// else keeps, which may be read only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "engine/allocator.h"
#include "engine/device.h"

namespace tl {

class Storage {
 public:
  Storage(Device device, std::int64_t bytes) : device_(device), block_(allocate(device, bytes)) {}
  /// Memory of the host, not written to, kept as long as this is there.
  Storage(std::shared_ptr<const void> lent, std::int64_t bytes)
      : device_(Device::ref),
        block_{.data = const_cast<void*>(lent.get()), .bytes = bytes},
        lent_(std::move(lent)) {}
  ~Storage() {
    if (!lent_) release(device_, std::move(block_));
  }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Device device() const { return device_; }
  std::int64_t bytes() const { return block_.bytes; }
  void* data() const { return block_.data; }
  bool is_read_only() const { return lent_ != nullptr; }

  /// Counts the writes, so that a reader who comes back later (a backward pass, a compiled plan)
  /// can tell whether the contents are still the ones it saw. Threads may write different rows.
  std::uint64_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  Device device_;
  Block block_;
  std::shared_ptr<const void> lent_;
  std::atomic<std::uint64_t> version_ = 0;
};

}  // namespace tl
