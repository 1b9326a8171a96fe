// WeightsFile: what a file of weights holds, whatever its format: named arrays and a few strings.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/printable.h"
#include "kernels/dtype.h"
#include "kernels/error.h"

namespace tl {

/// Numbers in row-major order and the machine's byte order, in the axis order of the file. Copies
/// share the bytes.
struct Array {
  std::vector<int64_t> shape;
  DType dtype = DType::f32;
  std::shared_ptr<const std::byte> data;  // aligned to the element; may be null when count() is 0

  int64_t count() const {
    int64_t n = 1;
    for (const int64_t dim : shape) n *= dim;
    return n;
  }
  size_t bytes() const { return static_cast<size_t>(count()) * size_of(dtype); }

  /// The elements; throws Error unless dtype is that of T.
  template <class T>
  std::span<const T> as() const {
    check(dtype == dtype_of<T>(), "array: holds ", dtype, ", asked for ", dtype_of<T>());
    return {reinterpret_cast<const T*>(data.get()), static_cast<size_t>(count())};
  }

  /// An array with its own copy of `values`, whose number must be the product of `shape`.
  template <class T>
  static Array copy_of(std::vector<int64_t> shape, std::span<const T> values) {
    Array array{std::move(shape), dtype_of<T>(), nullptr};
    check(array.count() == static_cast<int64_t>(values.size()), "array: ", values.size(),
          " values for a shape of ", array.count());
    const std::shared_ptr<T[]> copy(new T[values.size()]);
    if (!values.empty()) std::memcpy(copy.get(), values.data(), values.size_bytes());
    array.data = {copy, reinterpret_cast<const std::byte*>(copy.get())};
    return array;
  }
};

struct WeightsFile {
  std::vector<std::pair<std::string, Array>> arrays;  // in the order of the file
  std::map<std::string, std::string> attributes;

  /// The array of that name, or nullptr.
  const Array* find(const std::string& name) const {
    for (const auto& [key, array] : arrays) {
      if (key == name) return &array;
    }
    return nullptr;
  }
};

/// Limits of what a file may hold.
inline constexpr size_t max_name_bytes = 4096;
inline constexpr size_t max_rank = 16;

/// Throws Error (cause alone) for a name that a file may not give an array: over max_name_bytes, or
/// with a control character.
inline void check_array_name(std::string_view name) {
  check(name.size() <= max_name_bytes, shown(name), ": a name over ", max_name_bytes, " bytes");
  check(std::none_of(name.begin(), name.end(), is_control), shown(name),
        ": a name with a control character, which is refused");
}

}  // namespace tl
