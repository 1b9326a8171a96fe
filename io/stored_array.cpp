#include "io/stored_array.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "io/float16.h"

namespace tl {
namespace {

constexpr int64_t max_elements = int64_t{1} << 36;

template <class File, class Memory>
struct Conversion {
  using Stored = File;
  using Element = Memory;
};

/// Calls f(Conversion<type in the file, type in memory>{}).
template <class F>
decltype(auto) with_conversion(StoredType type, F&& f) {
  switch (type) {
    case StoredType::f64:
      return f(Conversion<double, double>{});
    case StoredType::f32:
      return f(Conversion<float, float>{});
    case StoredType::f16:
      return f(Conversion<Float16, float>{});
    case StoredType::bf16:
      return f(Conversion<BFloat16, BFloat16>{});
    case StoredType::i64:
      return f(Conversion<int64_t, int32_t>{});
    case StoredType::i32:
      return f(Conversion<int32_t, int32_t>{});
    case StoredType::i16:
      return f(Conversion<int16_t, int32_t>{});
    case StoredType::i8:
      return f(Conversion<int8_t, int32_t>{});
    case StoredType::u64:
      return f(Conversion<uint64_t, int32_t>{});
    case StoredType::u32:
      return f(Conversion<uint32_t, int32_t>{});
    case StoredType::u16:
      return f(Conversion<uint16_t, int32_t>{});
    case StoredType::u8:
    case StoredType::boolean:
      return f(Conversion<uint8_t, uint8_t>{});
  }
  throw Error("no such element type");
}

template <class T>
T load(const std::byte* from, bool is_swapped) {
  std::array<std::byte, sizeof(T)> bytes;
  std::copy_n(from, sizeof(T), bytes.begin());
  if (is_swapped) std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<T>(bytes);
}

template <class To, class From>
To converted(From value) {
  if constexpr (std::is_integral_v<From> && !std::is_same_v<From, To>)
    check(std::in_range<To>(value), "holds ", value, ", which is no i32");
  return static_cast<To>(value);
}

/// One run along the last axis.
template <class Stored, class Element>
void copy_run(const std::byte* from, int64_t stride, int64_t count, bool is_swapped, Element* to) {
  if (std::is_same_v<Stored, Element> && stride == 1 && !is_swapped) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(Element));
    return;
  }
  const int64_t step = stride * static_cast<int64_t>(sizeof(Stored));
  for (int64_t i = 0; i < count; ++i)
    to[i] = converted<Element>(load<Stored>(from + i * step, is_swapped));
}

template <class Stored, class Element>
void copy_all(const std::byte* base, const StoredElements& elements, Element* to) {
  const size_t rank = elements.shape.size();
  const int64_t run = rank ? elements.shape.back() : 1;
  const int64_t stride = rank ? elements.strides.back() : 1;
  const bool is_swapped = elements.order != std::endian::native;
  std::vector<int64_t> index(rank, 0);
  int64_t at = elements.first;
  while (true) {
    copy_run<Stored>(base + at * static_cast<int64_t>(sizeof(Stored)), stride, run, is_swapped, to);
    to += run;
    // The next index of all axes but the last.
    size_t axis = rank < 2 ? 0 : rank - 1;
    while (axis-- > 0) {
      at += elements.strides[axis];
      if (++index[axis] < elements.shape[axis]) break;
      at -= elements.shape[axis] * elements.strides[axis];
      index[axis] = 0;
    }
    if (axis == static_cast<size_t>(-1)) return;
  }
}

/// The last element lies within the storage; sums are bounded by the storage's size, so they do not
/// overflow.
void check_extent(const StoredElements& elements, int64_t stored) {
  constexpr const char* beyond = "states elements beyond its storage";
  check(elements.first >= 0 && elements.first < stored, beyond);
  int64_t last = elements.first;
  for (size_t axis = 0; axis < elements.shape.size(); ++axis) {
    const int64_t steps = elements.shape[axis] - 1, stride = elements.strides[axis];
    check(stride >= 0, "a negative stride");
    check(steps == 0 || stride <= (stored - 1 - last) / steps, beyond);
    last += steps * stride;
  }
}

/// Whether the elements lie one after another; an axis of size 1 may have any stride.
bool is_row_major(const StoredElements& elements) {
  const std::vector<int64_t> plain = row_major(elements.shape);
  for (size_t axis = 0; axis < plain.size(); ++axis) {
    if (elements.shape[axis] != 1 && elements.strides[axis] != plain[axis]) return false;
  }
  return true;
}

}  // namespace

size_t size_of(StoredType type) {
  return with_conversion(type,
                         []<class S, class E>(Conversion<S, E>) -> size_t { return sizeof(S); });
}

DType dtype_of(StoredType type) {
  return with_conversion(type,
                         []<class S, class E>(Conversion<S, E>) -> DType { return dtype_of<E>(); });
}

std::vector<int64_t> row_major(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = step;
    step *= std::max<int64_t>(shape[axis], 1);
  }
  return strides;
}

int64_t checked_count(const std::vector<int64_t>& shape) {
  check(shape.size() <= max_rank, shape.size(), " dimensions, over the limit of ", max_rank);
  int64_t product = 1;  // as if no size were 0, so that strides do not overflow either
  bool is_empty = false;
  for (const int64_t dim : shape) {
    check(dim >= 0, "a size of ", dim);
    is_empty |= dim == 0;
    if (dim == 0) continue;
    check(product <= max_elements / dim, "its shape is over the limit of ", max_elements,
          " elements");
    product *= dim;
  }
  return is_empty ? 0 : product;
}

Array ArrayMaker::make(const SharedBytes& storage, const StoredElements& elements) {
  check(elements.strides.size() == elements.shape.size(), elements.shape.size(), " sizes, but ",
        elements.strides.size(), " strides");
  Array array{elements.shape, dtype_of(elements.type), nullptr};
  if (checked_count(elements.shape) == 0) return array;
  check_extent(elements, static_cast<int64_t>(storage.size / size_of(elements.type)));

  with_conversion(elements.type, [&]<class S, class E>(Conversion<S, E>) {
    const std::byte* first = storage.data.get() + elements.first * static_cast<int64_t>(sizeof(S));
    const bool stays = std::is_same_v<S, E> && elements.order == std::endian::native &&
                       is_row_major(elements) &&
                       reinterpret_cast<uintptr_t>(first) % alignof(E) == 0;
    if (stays) {
      array.data = {storage.data, first};
      return;
    }
    check(array.bytes() <= bytes_left_, "needs ", array.bytes(),
          " bytes, more than a file of this size may");
    bytes_left_ -= array.bytes();
    const std::shared_ptr<E[]> copy(new E[static_cast<size_t>(array.count())]);
    copy_all<S>(storage.data.get(), elements, copy.get());
    array.data = {copy, reinterpret_cast<const std::byte*>(copy.get())};
  });
  return array;
}

}  // namespace tl
