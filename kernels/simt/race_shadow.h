// What the race checker remembers of each 2 bytes of memory that threads share: a Cell with the
// last accesses, and which of the bytes exist and have been written.
//
// Device memory and dynamic shared memory lie in one range of addresses, the arena, so that a cell
// is found by a shift and an addition. Pages of the arena and of its shadow that nobody has touched
// cost nothing. The program's static data has a shadow of its own. Which of it is shared memory a
// kernel shows by writing to it, for it may write to no other static variable: gcc does not put the
// __shared__ variables of templates into the section that the others have.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tl::simt::race {

/// One access by one thread. `stretch` numbers what a block does between two barriers, counted over
/// all blocks and launches, so that it tells block and launch too; 0 means "none".
struct Access {
  std::uint32_t stretch = 0;
  std::uint32_t site = 0;  ///< where in the source: race_check.cpp
  std::uint32_t who = 0;   ///< thread, its clock, atomic or not, which of the 2 bytes

  static constexpr int kThreadBits = 10, kClockBits = 19;
  static constexpr std::uint32_t kMaxClock = (1u << kClockBits) - 1;
  static constexpr std::uint32_t kAtomic = 1u << (kThreadBits + kClockBits);
  static constexpr int kBytesShift = kThreadBits + kClockBits + 1;

  int thread() const { return static_cast<int>(who & ((1u << kThreadBits) - 1)); }
  std::uint32_t clock() const { return who >> kThreadBits & kMaxClock; }
  bool atomic() const { return (who & kAtomic) != 0; }
  std::uint32_t bytes() const { return who >> kBytesShift; }
};

/// Two writes: only atomic operations leave two that are both of interest. Three reads: of more
/// than two that are not ordered, two by different warps conflict with any writer; the third serves
/// warps whose lanes meet in parts.
struct alignas(64) Cell {
  Access write[2];
  Access read[3];
};

/// Per cell: bits 0 and 1 say which bytes exist, bits 2 and 3 which have been written.
using CellState = std::uint8_t;
inline constexpr CellState kExists = 3, kWritten = 12;
/// Of static data: a __shared__ variable. Others are constants to a kernel.
inline constexpr CellState kShared = 16;

struct Shadow {
  Cell* cells;
  CellState* states;
};

enum class MemoryKind { global, dynamic_shared, static_shared, local, constant, host };

/// Whose memory it is.
MemoryKind kind_of(const void* data);

/// The shadow of the 2 bytes at `data` and, after them, of those that follow; `data` must be
/// global or shared.
Shadow shadow_of(const void* data, MemoryKind kind);

/// Static data becomes shared memory: the whole variable at `data`, which is being written.
void claim_static(const void* data);

/// Nothing has ever been accessed: the numbers of stretches start again.
void forget_all_accesses();

}  // namespace tl::simt::race
