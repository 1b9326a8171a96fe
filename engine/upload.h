// Upload: host values on their way into a device's tensor, without waiting for the device.
#pragma once

#include <array>
#include <cstdint>

#include "engine/stream.h"
#include "engine/tensor.h"

namespace tl {

/// Copies through pinned memory, of which it has two buffers: the host fills one while the device
/// still reads the other. A tensor in host memory is written at once.
class Upload {
 public:
  explicit Upload(Device device);
  /// Waits for what is under way.
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  /// y = the `bytes` bytes at `data`, which may be changed as soon as this returns, on the current
  /// stream. y has that size. Waits for the copy before the last one, if that is not over.
  void write(const void* data, std::int64_t bytes, const Tensor& y);

 private:
  struct Buffer {
    explicit Buffer(Device device) : copied(device) {}
    void* data = nullptr;
    std::int64_t bytes = 0;
    WorkEvent copied;
  };

  Device device_;
  std::array<Buffer, 2> buffers_;
  int next_ = 0;
};

}  // namespace tl
