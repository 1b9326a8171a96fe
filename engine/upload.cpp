#include "engine/upload.h"

#include <cstring>

namespace tl {

Upload::Upload(Device device) : device_(device), buffers_{Buffer(device), Buffer(device)} {}

Upload::~Upload() {
  for (Buffer& buffer : buffers_) {
    if (!buffer.data) continue;
    try {
      buffer.copied.synchronize();
    } catch (const Error&) {  // of work before the copy: whoever waited for it has been told
    }
    backend(device_).memory.release_pinned(buffer.bytes, buffer.data);
  }
}

void Upload::write(const void* data, std::int64_t bytes, const Tensor& y) {
  const std::int64_t y_bytes = y.size() * static_cast<std::int64_t>(size_of(y.dtype()));
  check(y.device() == device_ && y_bytes == bytes, "upload: ", bytes, " bytes for ", y.shape(), " ",
        y.dtype(), " on ", y.device());
  if (bytes == 0) return;
  View to = y.writable();
  const MemoryKernels& memory = backend(device_).memory;
  if (memory_space(device_) == MemorySpace::host)
    return memory.copy_from_host(y.stream(), {data, to.dtype, to.size}, to);
  Buffer& buffer = buffers_[static_cast<std::size_t>(next_)];
  next_ = 1 - next_;
  buffer.copied.synchronize();
  if (buffer.bytes < bytes) {
    if (buffer.data) memory.release_pinned(buffer.bytes, buffer.data);
    buffer.data = nullptr;
    memory.allocate_pinned(bytes, &buffer.data);
    buffer.bytes = bytes;
  }
  std::memcpy(buffer.data, data, static_cast<std::size_t>(bytes));
  memory.copy_from_pinned(y.stream(), {buffer.data, to.dtype, to.size}, to);
  buffer.copied.record(y.stream());
}

}  // namespace tl
