// Atomic operations. Only one thread of a grid runs at a time and none is interrupted, so a plain
// read, change and write is atomic here.
#pragma once

#include <type_traits>

namespace tl::simt {

namespace detail {

template <class T>
inline constexpr bool is_atomic_integer =
    std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;

template <class T>
T exchange(T* place, T value) {
  const T old = *place;
  *place = value;
  return old;
}

}  // namespace detail

// Each returns what *place was before. The types are those that CUDA offers.

template <class T>
T atomicAdd(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T> || std::is_floating_point_v<T>);
  return detail::exchange(place, static_cast<T>(*place + value));
}
template <class T>
T atomicMax(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T>);
  return detail::exchange(place, *place > value ? *place : value);
}
template <class T>
T atomicMin(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T>);
  return detail::exchange(place, *place < value ? *place : value);
}
template <class T>
T atomicExch(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T> || std::is_same_v<T, float>);
  return detail::exchange(place, value);
}
template <class T>
T atomicCAS(T* place, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T>);
  return detail::exchange(place, *place == expected ? value : *place);
}

}  // namespace tl::simt
