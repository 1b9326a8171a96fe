// Buffer, Buffers: what kernels are timed on: blocks of a device with random numbers in them.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/backend.h"

namespace tl {

/// A block on the device. Floats are 0.1 times numbers of the normal distribution: on constants a
/// GPU draws less power and clocks higher. Integers are left as they are.
class Buffer {
 public:
  Buffer(const Backend& b, DType dtype, std::int64_t size);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer();

  operator View() const { return view_; }       // NOLINT: stands for its view
  operator ConstView() const { return view_; }  // NOLINT

 private:
  std::int64_t bytes() const {
    return view_.size * static_cast<std::int64_t>(size_of(view_.dtype));
  }

  const Backend* b_;
  View view_;
};

/// The same operand several times over, so that a run finds none of it in a cache.
class Buffers {
 public:
  Buffers(const Backend& b, DType dtype, std::int64_t size, int copies);
  const Buffer& operator[](int copy) const { return buffers_[static_cast<std::size_t>(copy)]; }

  /// Where the copies lie, for libraries that compute in host memory. f32.
  std::vector<const float*> host_f32() const;

 private:
  std::vector<Buffer> buffers_;
};

/// The elements of a float buffer, on the host.
std::vector<float> to_host(const Backend& b, ConstView x);

/// `bytes` of operands so many times that all copies together are twice as large as the last-level
/// cache of where `b` computes: at least 2, at most 1024. On `simt` and `ref`, which no cache holds
/// up, 1.
int copies_past_cache(const Backend& b, double bytes);

}  // namespace tl
