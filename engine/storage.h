// Storage: one block of device memory, shared by the tensors that view it.
#pragma once

#include <cstdint>

#include "engine/allocator.h"
#include "engine/device.h"

namespace tl {

class Storage {
 public:
  Storage(Device device, std::int64_t bytes)
      : device_(device), bytes_(bytes), data_(allocate(device, bytes)) {}
  ~Storage() { release(device_, data_, bytes_); }
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Device device() const { return device_; }
  std::int64_t bytes() const { return bytes_; }
  void* data() const { return data_; }

  /// Counts the writes, so that a reader who comes back later (a backward pass, a compiled plan)
  /// can tell whether the contents are still the ones it saw.
  std::uint64_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  Device device_;
  std::int64_t bytes_;
  void* data_;
  std::uint64_t version_ = 0;
};

}  // namespace tl
