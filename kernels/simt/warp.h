// Operations of the lanes of a warp: __syncwarp, shuffles, votes.
//
// Each lane leaves its operand on its own stack and waits. The last of the mask's lanes to come
// computes the results of all, then all go on: no lane can see another's value too early.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <type_traits>

#include "kernels/error.h"
#include "kernels/simt/barriers.h"
#include "kernels/simt/scheduler.h"

namespace tl::simt {

namespace detail {

template <class T>
struct Shuffle {
  T value;
  int source;  // the lane whose value is wanted
  T result;
};

template <class T>
void shuffle_lanes(void* const* operands, std::uint32_t lanes) {
  for (int i = 0; i < 32; ++i) {
    if (!(lanes >> i & 1)) continue;
    auto& mine = *static_cast<Shuffle<T>*>(operands[i]);
    if (!(lanes >> mine.source & 1)) {
      running->fail("completes a shuffle in which lane ", i, " wants the value of lane ",
                    mine.source, ", which is not in the mask or has returned");
    }
    mine.result = static_cast<Shuffle<T>*>(operands[mine.source])->value;
  }
}

/// The value of lane `source` of the caller's warp, among the lanes in `mask`.
template <class T>
T shuffle(std::uint32_t mask, T value, int source, const char* name, Place place) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8),
                "CUDA shuffles 4 and 8 byte numbers");
  Shuffle<T> operand{value, source, value};
  running_scheduler(name).meet_warp(mask, &operand, shuffle_lanes<T>, name, place);
  return operand.result;
}

/// The first lane of the caller's segment of `width` lanes.
inline int segment(int width, const char* name) {
  Scheduler& scheduler = running_scheduler(name);
  if (width < 1 || width > 32 || (width & (width - 1)) != 0) {
    scheduler.fail("calls ", name, " with width ", width, ", not a power of two up to 32");
  }
  return scheduler.lane() & ~(width - 1);
}

struct Vote {
  bool predicate;
  std::uint32_t result;
};

inline void count_votes(void* const* operands, std::uint32_t lanes) {
  std::uint32_t result = 0;
  for (int i = 0; i < 32; ++i) {
    if ((lanes >> i & 1) && static_cast<Vote*>(operands[i])->predicate) result |= 1u << i;
  }
  for (int i = 0; i < 32; ++i) {
    if (lanes >> i & 1) static_cast<Vote*>(operands[i])->result = result;
  }
}

inline std::uint32_t vote(std::uint32_t mask, bool predicate, const char* name, Place place) {
  Vote operand{predicate, 0};
  running_scheduler(name).meet_warp(mask, &operand, count_votes, name, place);
  return operand.result;
}

}  // namespace detail

inline void __syncwarp(unsigned mask = ~0u, Place place = Place::current()) {
  running_scheduler("__syncwarp")
      .meet_warp(
          mask, nullptr, [](void* const*, std::uint32_t lanes) { race::sync_lanes(lanes); },
          "__syncwarp", place);
}

/// A source outside the caller's segment of `width` lanes: _up, _down and _xor give the caller's
/// own value back; the plain form counts modulo `width`.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, Place place = Place::current()) {
  const int first = detail::segment(width, "__shfl_sync");
  return detail::shuffle(mask, value, first + (source & (width - 1)), "__shfl_sync", place);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 Place place = Place::current()) {
  const int first = detail::segment(width, "__shfl_up_sync"), lane = detail::running->lane();
  const int source = lane - static_cast<int>(delta);
  return detail::shuffle(mask, value, source >= first ? source : lane, "__shfl_up_sync", place);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   Place place = Place::current()) {
  const int first = detail::segment(width, "__shfl_down_sync"), lane = detail::running->lane();
  const int source = lane + static_cast<int>(delta);
  return detail::shuffle(mask, value, source < first + width ? source : lane, "__shfl_down_sync",
                         place);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  Place place = Place::current()) {
  const int first = detail::segment(width, "__shfl_xor_sync"), lane = detail::running->lane();
  const int source = lane ^ lane_mask;
  return detail::shuffle(mask, value, source < first + width ? source : lane, "__shfl_xor_sync",
                         place);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, Place place = Place::current()) {
  return detail::vote(mask, predicate != 0, "__ballot_sync", place);
}
inline int __any_sync(unsigned mask, int predicate, Place place = Place::current()) {
  return detail::vote(mask, predicate != 0, "__any_sync", place) != 0;
}
inline int __all_sync(unsigned mask, int predicate, Place place = Place::current()) {
  return detail::vote(mask, predicate == 0, "__all_sync", place) == 0;
}

}  // namespace tl::simt
