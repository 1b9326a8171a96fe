// DeviceBuffer: a buffer of one backend that tests fill from and read into vectors of double.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/backend.h"

namespace tl::test {

class DeviceBuffer {
 public:
  /// Poisoned: NaN (or 123), so that an element nobody wrote shows. The view begins `offset`
  /// elements into the block: with 1 it is aligned to its element only.
  DeviceBuffer(const Backend& backend, DType dtype, std::int64_t size, std::int64_t offset = 0)
      : backend_(&backend), view_{nullptr, dtype, size} {
    const std::int64_t element = static_cast<std::int64_t>(size_of(dtype));
    bytes_ = (offset + size) * element;
    backend.memory.allocate(bytes_, &block_);
    view_.data = static_cast<char*>(block_) + offset * element;
    write(std::vector<double>(static_cast<std::size_t>(size),
                              is_float(dtype) ? std::numeric_limits<double>::quiet_NaN() : 123));
  }
  DeviceBuffer(const Backend& backend, DType dtype, const std::vector<double>& values,
               std::int64_t offset = 0)
      : DeviceBuffer(backend, dtype, static_cast<std::int64_t>(values.size()), offset) {
    write(values);
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : backend_(other.backend_), bytes_(other.bytes_), block_(other.block_), view_(other.view_) {
    other.block_ = nullptr;
  }
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  ~DeviceBuffer() {
    if (block_) backend_->memory.release({}, bytes_, block_);
  }

  View view() const { return view_; }
  operator View() const { return view_; }       // NOLINT: tests read better
  operator ConstView() const { return view_; }  // NOLINT

  void write(const std::vector<double>& values) {
    with_type(view_.dtype, [&]<class T>(T) { write_as<T>(values); });
  }
  std::vector<double> read() const {
    return with_type(view_.dtype, [&]<class T>(T) { return read_as<T>(); });
  }

 private:
  template <class T>
  void write_as(const std::vector<double>& values) {
    std::vector<T> host(values.begin(), values.end());
    backend_->memory.copy_from_host({}, view_of(static_cast<const T*>(host.data()), view_.size),
                                    view_);
  }
  template <class T>
  std::vector<double> read_as() const {
    std::vector<T> host(static_cast<std::size_t>(view_.size));
    backend_->memory.copy_to_host({}, view_, view_of(host.data(), view_.size));
    return {host.begin(), host.end()};
  }

  const Backend* backend_;
  std::int64_t bytes_ = 0;
  void* block_ = nullptr;
  View view_;
};

}  // namespace tl::test
