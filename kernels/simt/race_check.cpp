// Race checker: which accesses conflict.
//
// Two accesses to the same byte by different threads of a launch, at least one of them a write and
// not both atomic, conflict unless one is ordered before the other. Within a block they are ordered
// by a __syncthreads between them, and for lanes of one warp by a __syncwarp that both take part
// in, directly or over other lanes. Nothing orders the blocks of a launch. (That shuffles make
// lanes wait orders no memory, as the CUDA C++ Programming Guide says of them.)
//
// The order within a warp is kept in vector clocks, as in C. Flanagan, S. Freund, "FastTrack", PLDI
// 2009: known[l][m] is how many of the meetings of lane m lane l knows to be over.
#ifdef TL_SIMT_RACE

#include "kernels/simt/race_check.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "kernels/simt/builtins.h"
#include "kernels/simt/race.h"
#include "kernels/simt/race_shadow.h"
#include "kernels/simt/scheduler.h"
#include "kernels/simt/source_place.h"

namespace tl::simt::race {

thread_local bool in_kernel = false;

namespace {

constexpr int kLanes = Scheduler::kWarpLanes, kWarps = Scheduler::kMaxThreads / kLanes;

/// After so many stretches their numbers start again, at the next launch.
constexpr std::uint32_t kMaxStretch = 0xf0000000;

struct WarpClocks {
  std::uint32_t known[kLanes][kLanes];
};

struct Block {
  std::uint32_t first_stretch;
  uint3 index;
};

// One launch runs at a time (run_grid).
std::uint32_t stretch = 0;  // the running one
std::uint32_t first_of_block = 1, first_of_launch = 1;
std::vector<Block> blocks;  // that this launch has started
WarpClocks clocks[kWarps];
bool clocks_used[kWarps];
bool checks_in_use = true;
int thread = 0;                                   // the running one
std::uint32_t who = 0;                            // its Access::who, less kind and bytes
const std::source_location* operation = nullptr;  // what it does for its warp

int lane_of(int id) { return id % kLanes; }
int warp_of(int id) { return id / kLanes; }

void update_who() {
  const int lane = lane_of(thread);
  const std::uint32_t clock = clocks[warp_of(thread)].known[lane][lane] + 1;
  who = static_cast<std::uint32_t>(thread) | clock << Access::kThreadBits;
}

// ---- sites --------------------------------------------------------------------------------------

// A site is an offset in the program, or with the highest bit set the number of one of these.
constexpr std::uint32_t kListed = 1u << 31;
std::vector<const std::source_location*> places;
std::map<std::pair<const void*, std::uint32_t>, std::uint32_t> place_numbers;

std::uint32_t site_of(const std::source_location& place) {
  static std::vector<std::unique_ptr<std::source_location>> copies;
  const auto key = std::pair(static_cast<const void*>(place.file_name()), place.line());
  const auto [found, is_new] = place_numbers.try_emplace(key, copies.size());
  if (is_new) copies.push_back(std::make_unique<std::source_location>(place));
  if (is_new) places.push_back(copies.back().get());
  return kListed | found->second;
}

std::uint32_t site_of(const void* return_address) {
  return operation ? site_of(*operation) : program_offset(return_address);
}

std::string text_of(std::uint32_t site) {
  if (!(site & kListed)) return place_of_call(site);
  const std::source_location& place = *places[site & ~kListed];
  const char* slash = std::strrchr(place.file_name(), '/');
  return concat(slash ? slash + 1 : place.file_name(), ":", place.line());
}

// ---- faults -------------------------------------------------------------------------------------

std::string to_string(const uint3& v) { return concat("(", v.x, ",", v.y, ",", v.z, ")"); }

std::string thread_text(int id) {
  const unsigned i = static_cast<unsigned>(id), x = blockDim.x, y = blockDim.y;
  return concat("thread ", to_string({i % x, i / x % y, i / (x * y)}));
}

const char* name_of(MemoryKind kind) {
  return kind == MemoryKind::global ? "global memory" : "shared memory";
}

const char* verb(Kind kind) { return kind == Kind::read ? "reads" : "writes"; }

[[noreturn]] void report_race(const Access& before, Kind kind_before, const Access& now, Kind kind,
                              MemoryKind memory) {
  leave_kernel();
  std::string other = thread_text(before.thread());
  const char* missing = "no barrier between them";
  if (before.stretch < first_of_block) {
    const auto block = std::upper_bound(
        blocks.begin(), blocks.end(), before.stretch,
        [](std::uint32_t number, const Block& b) { return number < b.first_stretch; });
    other += concat(" of block ", to_string(std::prev(block)->index));
    missing = "nothing orders the blocks of a launch";
  } else if (warp_of(before.thread()) == warp_of(now.thread())) {
    missing = "no barrier and no __syncwarp between them";
  }
  const std::string here = text_of(now.site), there = text_of(before.site);
  stop(concat("race, ", there, " and ", here, ": ", verb(kind), now.atomic() ? " (atomic) " : " ",
              name_of(memory), " at ", here, " that ", other,
              kind_before == Kind::read ? " has read" : " has written",
              before.atomic() ? " (atomic)" : "", " at ", there, ", ", missing));
}

// ---- order --------------------------------------------------------------------------------------

/// Accesses in earlier stretches than this one are ordered before all that is done now: shared
/// memory is the running block's, global memory the running launch's.
std::uint32_t oldest_of_interest(bool shared) { return shared ? first_of_block : first_of_launch; }

/// Whether all that the running thread does now comes after `before`, which is not that old.
inline __attribute__((always_inline)) bool is_ordered(const Access& before) {
  if (before.stretch < first_of_block) return false;
  if (before.stretch != stretch || before.thread() == thread) return true;
  const int warp = warp_of(thread);
  if (warp_of(before.thread()) != warp) return false;
  return clocks[warp].known[lane_of(thread)][lane_of(before.thread())] >= before.clock();
}

inline bool in_conflict(const Access& before, const Access& now, std::uint32_t oldest) {
  return before.stretch >= oldest && (before.who & now.who) >> Access::kBytesShift &&
         !(before.atomic() && now.atomic()) && !is_ordered(before);
}

/// Keeps the reads that are not ordered before this one; when there are too many, those by
/// different warps or blocks.
void remember_read(Cell& cell, const Access& now, std::uint32_t oldest) {
  constexpr int kReads = 3;
  Access* place = nullptr;
  int other_warps = 0;
  for (Access& read : cell.read) {
    const bool covered = (read.bytes() & ~now.bytes()) == 0;
    if (read.stretch < oldest || (covered && is_ordered(read))) {
      read = {};
      if (!place) place = &read;
    } else if (read.stretch < first_of_block || warp_of(read.thread()) != warp_of(now.thread())) {
      ++other_warps;
    }
  }
  if (!place && other_warps == kReads) place = &cell.read[kReads - 1];
  if (place) *place = now;
}

void remember_write(Cell& cell, const Access& now, std::uint32_t oldest) {
  Access& last = cell.write[0];
  if (now.atomic() && last.atomic() && last.stretch >= oldest && !is_ordered(last)) {
    cell.write[1] = last;
  } else if ((cell.write[1].bytes() & ~now.bytes()) == 0) {
    cell.write[1] = {};
  }
  last = now;
  // Reads do not conflict with this write, so they are ordered before it, and before all that is.
  if (now.bytes() == 3) {
    for (Access& read : cell.read) read = {};
  }
}

inline void check_cell(Cell& cell, const Access& now, Kind kind, MemoryKind memory,
                       std::uint32_t oldest) {
  if (kind == Kind::read) {
    for (const Access& read : cell.read) {
      if (read.stretch == now.stretch && read.who == now.who) return;  // nothing new
    }
  }
  for (const Access& write : cell.write) {
    if (in_conflict(write, now, oldest)) report_race(write, Kind::write, now, kind, memory);
  }
  if (kind == Kind::read) return remember_read(cell, now, oldest);
  for (const Access& read : cell.read) {
    if (in_conflict(read, now, oldest)) report_race(read, Kind::read, now, kind, memory);
  }
  remember_write(cell, now, oldest);
}

// ---- whose memory -------------------------------------------------------------------------------

[[noreturn]] void report_outside(const void* data, std::size_t bytes, Kind kind, MemoryKind memory,
                                 const std::string& site) {
  const char* outside = memory == MemoryKind::global
                            ? "outside all blocks of device memory, or in one that was freed"
                            : "outside the launch's dynamic shared memory";
  stop(concat(verb(kind), " ", bytes, " bytes at ", site, " ", outside, ": ", data));
}

void check_access(const void* data, std::size_t bytes, Kind kind, bool atomic, bool needs_value,
                  const void* return_address) {
  const MemoryKind memory = kind_of(data);
  if (memory == MemoryKind::local || memory == MemoryKind::constant) return;
  if (memory == MemoryKind::host) {
    leave_kernel();
    stop(concat(verb(kind), " host memory at ", text_of(site_of(return_address)), ": ", data));
  }
  if (memory == MemoryKind::static_shared && !(*shadow_of(data, memory).states & kShared)) {
    if (kind == Kind::read) return;  // a constant
    claim_static(data);
  }
  Access now{stretch, site_of(return_address), who | (atomic ? Access::kAtomic : 0)};
  const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(data), end = first + bytes;
  const std::uint32_t oldest = oldest_of_interest(memory != MemoryKind::global);
  auto [cell, state] = shadow_of(data, memory);
  for (std::uintptr_t p = first & ~std::uintptr_t{1}; p < end; p += 2, ++cell, ++state) {
    const std::uint32_t mask = (p >= first ? 1u : 0u) | (p + 1 < end ? 2u : 0u);
    if ((*state & mask) != mask) {
      leave_kernel();
      report_outside(data, bytes, kind, memory, text_of(now.site));
    }
    // Shared memory is as good as new in each block.
    const bool written = (*state >> 2 & mask) == mask &&
                         (memory == MemoryKind::global || cell->write[0].stretch >= first_of_block);
    if (needs_value && !written) {
      leave_kernel();
      stop(concat("reads ", name_of(memory), " that nobody has written",
                  memory == MemoryKind::global ? "" : " in this block", ", at ",
                  text_of(now.site)));
    }
    now.who = (now.who & ((1u << Access::kBytesShift) - 1)) | mask << Access::kBytesShift;
    check_cell(*cell, now, kind, memory, oldest);
    if (kind == Kind::write) *state = static_cast<CellState>(*state | mask << 2);
  }
}

}  // namespace

// ---- what the hooks call ------------------------------------------------------------------------

void access(const void* data, std::size_t bytes, Kind kind, const void* return_address) {
  check_access(data, bytes, kind, false, kind == Kind::read, return_address);
}

void stop(const std::string& did) {
  leave_kernel();
  operation = nullptr;
  detail::running->abandon(did);
}

void stop(const std::string& did, const void* return_address) {
  leave_kernel();
  stop(concat(did, " at ", text_of(site_of(return_address))));
}

// ---- what the layer calls -----------------------------------------------------------------------

void begin_launch(const Launch&) {
  if (stretch > kMaxStretch) {
    forget_all_accesses();
    stretch = 0;
  }
  blocks.clear();
  first_of_launch = stretch + 1;
}

void end_launch() {
  in_kernel = false;
  operation = nullptr;
}

void begin_block() {
  first_of_block = ++stretch;
  blocks.push_back({stretch, blockIdx});
  for (int warp = 0; warp < kWarps; ++warp) {
    if (std::exchange(clocks_used[warp], false)) clocks[warp] = {};
  }
}

void run_thread(int id) {
  thread = id;
  update_who();
}

void use_checks(bool on) { checks_in_use = on; }

void enter_kernel() { in_kernel = checks_in_use; }
void leave_kernel() { in_kernel = false; }

void barrier() { ++stretch; }

void sync_lanes(std::uint32_t lanes) {
  WarpClocks& warp = clocks[warp_of(thread)];
  clocks_used[warp_of(thread)] = true;
  std::uint32_t merged[kLanes] = {};
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(lanes >> lane & 1)) continue;
    std::uint32_t& own = warp.known[lane][lane];
    if (own + 1 < Access::kMaxClock) ++own;  // the clocks of later accesses stand still then
    for (int i = 0; i < kLanes; ++i) merged[i] = std::max(merged[i], warp.known[lane][i]);
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (lanes >> lane & 1) std::copy(std::begin(merged), std::end(merged), warp.known[lane]);
  }
  update_who();
}

Operation::Operation(const std::source_location& place) {
  operation = &place;
  enter_kernel();
}

Operation::~Operation() {
  leave_kernel();
  operation = nullptr;
}

void atomic(const void* data, std::size_t bytes, bool reads, const void* return_address) {
  if (in_kernel) check_access(data, bytes, Kind::write, true, reads, return_address);
}

void not_written(const void* data, std::size_t bytes) {
  const MemoryKind memory = kind_of(data);
  if (memory == MemoryKind::local || memory == MemoryKind::constant) return;
  CellState* state = shadow_of(data, memory).states;
  for (std::size_t i = 0; i < bytes / 2; ++i) state[i] &= static_cast<CellState>(~kWritten);
}

}  // namespace tl::simt::race

#endif  // TL_SIMT_RACE
