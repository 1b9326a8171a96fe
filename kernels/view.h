// View, ConstView: how a kernel is handed a buffer: where it lies, what it holds, how long it is.
#pragma once

#include <cstdint>

#include "kernels/dtype.h"

namespace tl {

/// A contiguous run of `size` elements that a kernel may write. A default View means "absent".
/// Shapes are stated by each contract's problem struct, not here.
struct View {
  void* data = nullptr;
  DType dtype = DType::f32;
  std::int64_t size = 0;

  explicit operator bool() const { return data != nullptr; }

  /// The elements as T; throws unless `dtype` is T's.
  template <class T>
  T* as() const {
    check(dtype == dtype_of<T>(), "kernel needs ", dtype_of<T>(), ", got ", dtype);
    return static_cast<T*>(data);
  }
};

/// A run of elements that a kernel only reads.
struct ConstView {
  const void* data = nullptr;
  DType dtype = DType::f32;
  std::int64_t size = 0;

  ConstView() = default;
  ConstView(const void* d, DType t, std::int64_t n) : data(d), dtype(t), size(n) {}
  ConstView(const View& v) : data(v.data), dtype(v.dtype), size(v.size) {}  // NOLINT: widening

  explicit operator bool() const { return data != nullptr; }

  template <class T>
  const T* as() const {
    check(dtype == dtype_of<T>(), "kernel needs ", dtype_of<T>(), ", got ", dtype);
    return static_cast<const T*>(data);
  }
};

/// A view of host memory, for callers that use the kernels without the engine.
template <class T>
View view_of(T* data, std::int64_t size) {
  return {data, dtype_of<T>(), size};
}
template <class T>
ConstView view_of(const T* data, std::int64_t size) {
  return {data, dtype_of<T>(), size};
}

}  // namespace tl
