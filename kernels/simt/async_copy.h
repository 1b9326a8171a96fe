// __pipeline_memcpy_async and its company (cp.async): copies from global to shared memory that go
// on beside the thread that asked for them.
//
// On a GPU the bytes arrive at any moment between the call and the end of the wait. Here they
// arrive at the wait, and from the call on their place holds NaN: whoever reads without waiting,
// and whoever overwrites what others still read, gets NaN.
//
// A thread waits for its own copies alone. Those of others are there after a __syncthreads that
// they reach behind their waits.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/simt/barriers.h"
#include "kernels/simt/race.h"
#include "kernels/simt/scheduler.h"

namespace tl::simt {

namespace detail {

/// In words of 4 bytes, so that each is a plain store that the tools of a build can see.
TL_SIMT_INLINE void fill_words(void* to, unsigned word, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 4) {
    std::memcpy(static_cast<std::byte*>(to) + i, &word, 4);
  }
}
TL_SIMT_INLINE void copy_words(void* to, const void* from, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 4) {
    std::memcpy(static_cast<std::byte*>(to) + i, static_cast<const std::byte*>(from) + i, 4);
  }
}

}  // namespace detail

/// Copies `bytes` - `zeros` bytes and writes `zeros` zero bytes behind them. `bytes` is 4, 8 or 16,
/// and both addresses are multiples of it.
TL_SIMT_INLINE void __pipeline_memcpy_async(void* to, const void* from, std::size_t bytes,
                                            std::size_t zeros = 0, Place place = Place::current()) {
  Scheduler& scheduler = running_scheduler("__pipeline_memcpy_async");
  if ((bytes != 4 && bytes != 8 && bytes != 16) || zeros > bytes) {
    scheduler.fail("calls __pipeline_memcpy_async with ", bytes, " bytes, ", zeros,
                   " of them zeros; it takes 4, 8 or 16");
  }
  if (reinterpret_cast<std::size_t>(to) % bytes || reinterpret_cast<std::size_t>(from) % bytes) {
    scheduler.fail("calls __pipeline_memcpy_async with ", bytes, " bytes from ", from, " to ", to,
                   ", not both multiples of it");
  }
  const race::Pause pause;
  {
    const race::Operation checked(place);
    detail::fill_words(to, ~0u, bytes);
  }
  race::not_written(to, bytes);
  scheduler.async_copies().add({to, from, bytes - zeros, zeros, place});
}

/// Closes the group of all copies since the last call.
inline void __pipeline_commit() {
  const race::Pause pause;
  running_scheduler("__pipeline_commit").async_copies().commit();
}

/// Waits until all groups but the last `count` have arrived.
TL_SIMT_INLINE void __pipeline_wait_prior(std::size_t count) {
  const race::Pause pause;
  AsyncCopies& copies = running_scheduler("__pipeline_wait_prior").async_copies();
  copies.land_all_but(count, [](const AsyncCopies::Copy& landing) {
    const AsyncCopies::Copy copy = landing;
    const race::Operation checked(copy.place);
    const std::size_t whole = copy.bytes / 4 * 4;
    detail::copy_words(copy.to, copy.from, whole);
    // What zeros begin in the middle of a word.
    std::byte* const end = static_cast<std::byte*>(copy.to) + whole;
    const std::byte* const tail = static_cast<const std::byte*>(copy.from) + whole;
    for (std::size_t i = 0; i < copy.bytes - whole + copy.zeros; ++i) {
      end[i] = i < copy.bytes - whole ? tail[i] : std::byte{0};
    }
  });
}

}  // namespace tl::simt
