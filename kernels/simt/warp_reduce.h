// __match_any_sync and __reduce_*_sync: one answer from the operands of all lanes of the mask.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/simt/barriers.h"
#include "kernels/simt/scheduler.h"

namespace tl::simt {

namespace detail {

struct Match {
  std::uint64_t bits;
  std::uint32_t result;
};

inline void match_lanes(void* const* operands, std::uint32_t lanes) {
  for (int i = 0; i < 32; ++i) {
    if (!(lanes >> i & 1)) continue;
    auto& mine = *static_cast<Match*>(operands[i]);
    for (int j = 0; j < 32; ++j) {
      if (!(lanes >> j & 1)) continue;
      if (static_cast<const Match*>(operands[j])->bits == mine.bits) mine.result |= 1u << j;
    }
  }
}

template <class T, class Combine>
void reduce_lanes(void* const* operands, std::uint32_t lanes) {
  T* first = nullptr;
  for (int i = 0; i < 32; ++i) {
    if (!(lanes >> i & 1)) continue;
    T* mine = static_cast<T*>(operands[i]);
    if (first) {
      *first = Combine{}(*first, *mine);
    } else {
      first = mine;
    }
  }
  for (int i = 0; i < 32; ++i) {
    if (lanes >> i & 1) *static_cast<T*>(operands[i]) = *first;
  }
}

template <class Combine, class T>
T reduce(std::uint32_t mask, T value, const char* name, Place place) {
  static_assert(std::is_same_v<T, int> || std::is_same_v<T, unsigned>,
                "CUDA reduces int and unsigned");
  running_scheduler(name).meet_warp(mask, &value, reduce_lanes<T, Combine>, name, place);
  return value;
}

struct Add {  // modulo 2^32
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<unsigned>(a) + static_cast<unsigned>(b));
  }
};
struct Minimum {
  template <class T>
  T operator()(T a, T b) const {
    return std::min(a, b);
  }
};
struct Maximum {
  template <class T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};

}  // namespace detail

/// The lanes of the mask whose value has the bits of the caller's.
template <class T>
unsigned __match_any_sync(unsigned mask, T value, Place place = Place::current()) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                "CUDA matches 4 and 8 byte numbers");
  detail::Match operand{0, 0};
  std::memcpy(&operand.bits, &value, sizeof(T));
  running_scheduler("__match_any_sync")
      .meet_warp(mask, &operand, detail::match_lanes, "__match_any_sync", place);
  return operand.result;
}

template <class T>
T __reduce_add_sync(unsigned mask, T value, Place place = Place::current()) {
  return detail::reduce<detail::Add>(mask, value, "__reduce_add_sync", place);
}
template <class T>
T __reduce_min_sync(unsigned mask, T value, Place place = Place::current()) {
  return detail::reduce<detail::Minimum>(mask, value, "__reduce_min_sync", place);
}
template <class T>
T __reduce_max_sync(unsigned mask, T value, Place place = Place::current()) {
  return detail::reduce<detail::Maximum>(mask, value, "__reduce_max_sync", place);
}

}  // namespace tl::simt
