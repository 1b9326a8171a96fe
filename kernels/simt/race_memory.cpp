// Race checker: whose memory an address is, and where its shadow lies.
#ifdef TL_SIMT_RACE

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/error.h"
#include "kernels/simt/race.h"
#include "kernels/simt/race_check.h"
#include "kernels/simt/race_shadow.h"
#include "kernels/simt/source_place.h"
#include "kernels/simt/static_objects.h"

// The linker's names for the bounds of the program, of its static data, and of the __shared__
// variables that have a section of their own.
extern "C" {
extern std::byte __executable_start[], _end[];
extern std::byte __data_start[];
extern std::byte __start_tl_simt_shared[] __attribute__((weak, visibility("hidden")));
extern std::byte __stop_tl_simt_shared[] __attribute__((weak, visibility("hidden")));
}

namespace tl::simt::race {

const std::byte *own_stack = nullptr, *own_stack_end = nullptr;

namespace {

// Addresses are used again late, so that an old pointer stays wrong for long: that needs many of
// them. They are reserved, not taken: 256 GB, 8 TB for the cells.
constexpr std::size_t kArenaBytes = std::size_t{1} << 38;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kGap = 64 << 10;       // an index that is wrong by less is in nobody's block
constexpr std::size_t kFreedBlocks = 64;     // of a size, before the oldest is used again
constexpr std::size_t kKeptBytes = 1 << 20;  // larger blocks give their pages back
constexpr std::size_t kDynamicSharedBytes = 256 << 10;

std::byte* reserve(std::size_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(data != MAP_FAILED, "simt: no addresses for the race checker's memory");
  madvise(data, bytes, MADV_DONTDUMP);
  return static_cast<std::byte*>(data);
}

std::size_t round_up(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

void host_touched_device_memory(int, siginfo_t* info, void* context);

struct Arena {
  std::byte* data = reserve(kArenaBytes);
  Cell* cells = reinterpret_cast<Cell*>(reserve(kArenaBytes / 2 * sizeof(Cell)));
  CellState* states = reinterpret_cast<CellState*>(reserve(kArenaBytes / 2));
  std::byte* dynamic_shared = data + kGap;
  std::size_t dynamic_shared_bytes = 0;
  std::byte* first_block = dynamic_shared + kDynamicSharedBytes + kGap;
  std::byte* top = first_block;
  std::map<std::byte*, std::size_t> bytes;              // of the blocks
  std::map<std::size_t, std::deque<std::byte*>> freed;  // by what they take
  std::mutex mutex;

  Arena() {
    struct sigaction action = {};
    action.sa_sigaction = host_touched_device_memory;
    action.sa_flags = SA_SIGINFO | SA_RESETHAND;
    sigaction(SIGSEGV, &action, nullptr);
  }

  bool holds(const std::byte* p) const { return static_cast<std::size_t>(p - data) < kArenaBytes; }
  std::size_t cell_of(const std::byte* p) const { return static_cast<std::size_t>(p - data) / 2; }

  /// The state of the cells of [p, p + size), whose first byte begins a cell.
  void set_states(const std::byte* p, std::size_t size, CellState both) {
    CellState* state = states + cell_of(p);
    std::memset(state, both, size / 2);
    if (size % 2) state[size / 2] = both & 0b0101;
  }
};

Arena* arena_in_use = nullptr;

Arena& make_arena() {
  static Arena instance;
  arena_in_use = &instance;
  return instance;
}

Arena& arena() { return arena_in_use ? *arena_in_use : make_arena(); }

/// The program's static data. Cells begin at even addresses, as in the arena.
struct StaticData {
  std::byte* begin = reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(__data_start) &
                                                  ~std::uintptr_t{1});
  std::size_t size = static_cast<std::size_t>(_end - begin);
  Cell* cells = reinterpret_cast<Cell*>(reserve((size / 2 + 1) * sizeof(Cell)));
  std::vector<CellState> states = std::vector<CellState>(size / 2 + 1, kExists);
  std::vector<StaticObject> objects = static_objects();

  StaticData() { claim({__start_tl_simt_shared, __stop_tl_simt_shared}); }

  std::size_t cell_of(const std::byte* p) const { return static_cast<std::size_t>(p - begin) / 2; }

  void claim(StaticObject object) {
    if (object.begin == object.end) return;
    CellState* const first = states.data() + cell_of(object.begin);
    CellState* const last = states.data() + (static_cast<std::size_t>(object.end - begin) + 1) / 2;
    std::for_each(first, last, [](CellState& state) { state |= kShared; });
  }
};

StaticData& static_data() {
  static StaticData instance;
  return instance;
}

struct Range {
  const std::byte *begin, *end;
};
std::vector<Range> stacks;  // in order

void host_touched_device_memory(int, siginfo_t* info, void* context) {
  if (arena().holds(static_cast<const std::byte*>(info->si_addr))) {
    const std::string place = place_of_signal(context);
    std::fprintf(stderr,
                 "simt: the host touches device memory at %s; copy it to the host instead\n",
                 place.c_str());
  }
  raise(SIGSEGV);  // now by the default action
}

}  // namespace

// ---- blocks -------------------------------------------------------------------------------------

void* allocate(std::size_t bytes) {
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  const std::size_t taken = round_up(bytes) + kGap;
  std::byte* data = a.top;
  if (std::deque<std::byte*>& freed = a.freed[taken]; freed.size() > kFreedBlocks) {
    data = freed.front();
    freed.pop_front();
    race::open(data, bytes, true);
  } else if (taken < bytes || taken > kArenaBytes - static_cast<std::size_t>(a.top - a.data)) {
    return nullptr;
  } else {
    a.top += taken;
  }
  a.bytes[data] = bytes;
  a.set_states(data, bytes, kExists);
  return data;
}

void release(void* data) {
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  const auto block = a.bytes.find(static_cast<std::byte*>(data));
  const std::size_t size = round_up(block->second);
  const std::size_t cell = a.cell_of(block->first);
  a.set_states(block->first, block->second, 0);
  if (size > kKeptBytes) {
    madvise(data, size, MADV_DONTNEED);
    madvise(a.cells + cell, size / 2 * sizeof(Cell), MADV_DONTNEED);
  }
  a.freed[size + kGap].push_back(block->first);
  a.bytes.erase(block);
}

void open(void* data, std::size_t bytes, bool open) {
  mprotect(data, round_up(bytes), open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void open_all(bool open) {
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  for (const auto& [data, bytes] : a.bytes) race::open(data, bytes, open);
}

void copied(const void* data, std::size_t bytes, const void* from) {
  Arena& a = arena();
  const auto* to = static_cast<const std::byte*>(data);
  const auto* source = static_cast<const std::byte*>(from);
  const bool known = from && a.holds(source);
  const auto state_of = [&](const std::byte* p) -> CellState& { return a.states[a.cell_of(p)]; };
  const auto bit = [&](const std::byte* p) { return (p - a.data) % 2 ? 8 : 4; };
  for (std::size_t i = 0; i < bytes; ++i) {
    const bool written = !known || (state_of(source + i) & bit(source + i));
    CellState& state = state_of(to + i);
    state = static_cast<CellState>(written ? state | bit(to + i) : state & ~bit(to + i));
  }
}

void* dynamic_shared_memory(std::size_t bytes) {
  Arena& a = arena();
  check(bytes <= kDynamicSharedBytes, "simt: ", bytes, " bytes of dynamic shared memory");
  a.set_states(a.dynamic_shared, a.dynamic_shared_bytes, 0);
  a.dynamic_shared_bytes = bytes;
  a.set_states(a.dynamic_shared, bytes, kExists);
  return bytes ? a.dynamic_shared : nullptr;
}

// ---- stacks -------------------------------------------------------------------------------------

void know_stack(const void* stack, std::size_t bytes) {
  const auto* begin = static_cast<const std::byte*>(stack);
  const auto place = std::upper_bound(stacks.begin(), stacks.end(), begin,
                                      [](const std::byte* p, Range r) { return p < r.begin; });
  stacks.insert(place, {begin, begin + bytes});
}

void forget_stack(const void* stack) {
  std::erase_if(stacks, [&](Range r) { return r.begin == stack; });
}

void use_stack(const void* stack, std::size_t bytes) {
  const auto* begin = static_cast<const std::byte*>(stack);
  own_stack = begin;
  own_stack_end = begin + bytes;
}

// ---- shadow -------------------------------------------------------------------------------------

MemoryKind kind_of(const void* data) {
  const auto* p = static_cast<const std::byte*>(data);
  if (is_own(data)) return MemoryKind::local;
  const Arena& a = arena();
  if (a.holds(p)) {
    return p < a.first_block - kGap / 2 ? MemoryKind::dynamic_shared : MemoryKind::global;
  }
  if (p >= __data_start && p < _end) return MemoryKind::static_shared;
  if (p >= __executable_start && p < _end) return MemoryKind::constant;
  const auto stack = std::upper_bound(stacks.begin(), stacks.end(), p,
                                      [](const std::byte* q, Range r) { return q < r.begin; });
  if (stack != stacks.begin() && p < std::prev(stack)->end) return MemoryKind::local;
  return MemoryKind::host;
}

Shadow shadow_of(const void* data, MemoryKind kind) {
  const auto* p = static_cast<const std::byte*>(data);
  if (kind == MemoryKind::static_shared) {
    StaticData& s = static_data();
    return {s.cells + s.cell_of(p), s.states.data() + s.cell_of(p)};
  }
  Arena& a = arena();
  const std::size_t cell = a.cell_of(p);
  return {a.cells + cell, a.states + cell};
}

void claim_static(const void* data) {
  StaticData& s = static_data();
  auto* const p = static_cast<std::byte*>(const_cast<void*>(data));
  const auto next =
      std::upper_bound(s.objects.begin(), s.objects.end(), p,
                       [](const std::byte* q, const StaticObject& o) { return q < o.begin; });
  const bool listed = next != s.objects.begin() && p < std::prev(next)->end;
  s.claim(listed ? *std::prev(next) : StaticObject{p, p + 1});
}

void forget_all_accesses() {
  Arena& a = arena();
  const std::size_t cells = a.cell_of(a.top);
  madvise(a.cells, cells * sizeof(Cell), MADV_DONTNEED);
  StaticData& s = static_data();
  madvise(s.cells, s.states.size() * sizeof(Cell), MADV_DONTNEED);
}

}  // namespace tl::simt::race

#endif  // TL_SIMT_RACE
