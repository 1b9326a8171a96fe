// Atomic operations. Only one thread of a grid runs at a time and none is interrupted, so a plain
// read, change and write is atomic here.
#pragma once

#include <type_traits>

#include "kernels/simt/race.h"

namespace tl::simt {

namespace detail {

template <class T>
inline constexpr bool is_atomic_integer =
    std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;

/// Sets *place to change(*place). `reads`: the result depends on the old value.
template <class T, class F>
TL_SIMT_UNCHECKED T update(T* place, const F& change, bool reads = true) {
  race::atomic(place, sizeof(T), reads, __builtin_return_address(0));
  const T old = *place;
  *place = change(old);
  return old;
}

}  // namespace detail

// Each returns what *place was before. The types are those that CUDA offers.

template <class T>
TL_SIMT_INLINE T atomicAdd(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T> || std::is_floating_point_v<T>);
  return detail::update(place, [=](T old) { return static_cast<T>(old + value); });
}
template <class T>
TL_SIMT_INLINE T atomicMax(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T>);
  return detail::update(place, [=](T old) { return old > value ? old : value; });
}
template <class T>
TL_SIMT_INLINE T atomicMin(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T>);
  return detail::update(place, [=](T old) { return old < value ? old : value; });
}
template <class T>
TL_SIMT_INLINE T atomicExch(T* place, std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T> || std::is_same_v<T, float>);
  return detail::update(
      place, [=](T) { return value; }, false);
}
template <class T>
TL_SIMT_INLINE T atomicCAS(T* place, std::type_identity_t<T> expected,
                           std::type_identity_t<T> value) {
  static_assert(detail::is_atomic_integer<T>);
  return detail::update(place, [=](T old) { return old == expected ? value : old; });
}

}  // namespace tl::simt
