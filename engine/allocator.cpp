#include "engine/allocator.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/captured_step.h"
#include "engine/range_heap.h"
#include "engine/stream.h"

namespace tl {
namespace {

#ifdef TL_EXACT_ALLOCATION
constexpr bool kExact = true;
#else
constexpr bool kExact = false;
#endif

/// Whether a block is cut out of the host's heap.
bool is_in_heap(MemorySpace which, std::int64_t bytes) {
  return !kExact && which == MemorySpace::host && bytes >= 1 << 16;
}

// Eight sizes per doubling: a block wastes at most an eighth, and a block that comes back fits the
// next request of about its size. From a megabyte on 64: there an eighth would be felt.
std::int64_t size_class(MemorySpace which, std::int64_t bytes) {
  if (kExact) return bytes;
  if (is_in_heap(which, bytes)) return (bytes + 63) / 64 * 64;
  const auto wanted = static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 64));
  const std::uint64_t sizes = wanted < (1 << 20) ? 8 : 64;
  const std::uint64_t step = std::max<std::uint64_t>(std::bit_floor(wanted) / sizes, 64);
  return static_cast<std::int64_t>((wanted + step - 1) / step * step);
}

using BlocksBySize = std::map<std::int64_t, std::vector<void*>>;

struct Space {
  std::mutex mutex;
  std::map<void*, BlocksBySize> kept{{nullptr, {}}};  // by stream
  RangeHeap heap;                                     // of the host
  MemoryStats stats;                                  // `cached` without the heap's
};

// Never destroyed: tensors with static lifetime may come back after any destructor of ours.
Space& space_of(MemorySpace space) {
  static auto* spaces = new Space[kMemorySpaces];
  return spaces[static_cast<int>(space)];
}
Space& space_of(Device device) { return space_of(memory_space(device)); }

// The scopes' pools, by memory space. Plain pointers: they too are read after destructors.
thread_local const std::shared_ptr<MemoryPool>* current_pool[kMemorySpaces] = {};

Device any_device_of(MemorySpace space) {
  switch (space) {
    case MemorySpace::host:
      return Device::ref;
    case MemorySpace::simt:
      return Device::simt;
    case MemorySpace::cuda:
      return Device::cuda;
  }
  throw Error("memory: no such space");
}

void* fresh_block(Device device, std::int64_t bytes) {
  void* data = nullptr;
  backend(device).memory.allocate(bytes, &data);
  return data;
}

std::int64_t bytes_of_machine(Device device) {
  static const std::int64_t bytes = [device] {
    std::int64_t free = 0, total = 0;
    backend(device).memory.available(&free, &total);
    return total;
  }();
  return bytes;
}

void give_back_heap(Device device, RangeHeap& heap) {
  heap.give_back([device](void* region, std::int64_t bytes) {
    backend(device).memory.release({}, bytes, region);
  });
}

/// Takes a block of this size out of `kept`; null where there is none.
void* taken_from(BlocksBySize& kept, std::int64_t size) {
  const auto it = kept.find(size);
  if (it == kept.end() || it->second.empty()) return nullptr;
  void* data = it->second.back();
  it->second.pop_back();
  return data;
}

/// Returns all blocks of `kept` to the system and says how many bytes they had.
std::int64_t give_back(Device device, Stream stream, BlocksBySize& kept) {
  std::int64_t bytes = 0;
  for (const auto& [size, blocks] : kept) {
    for (void* block : blocks) {
      backend(device).memory.release(stream, size, block);
      bytes += size;
    }
  }
  kept.clear();
  return bytes;
}

// All bits set is a NaN in f32 and f64 alike.
void poison(Device device, Stream stream, void* data, std::int64_t bytes) {
  if (bytes > 0) backend(device).memory.fill(stream, 255, {data, DType::u8, bytes});
}

/// The same where nobody could be told: work that was refused something while it is captured can
/// take nothing more, and gives up its tensors.
void poison_given_up(Device device, Stream stream, void* data, std::int64_t bytes) {
  try {
    poison(device, stream, data, bytes);
  } catch (const Error&) {
  }
}

std::string megabytes(std::int64_t bytes) { return concat((bytes + 500000) / 1000000, " MB"); }

/// `bytes` are counted as in use already; `cause` is what the backend said.
Error out_of_memory(Device device, std::int64_t bytes, const std::string& cause) {
  std::int64_t free = 0, total = 0;
  backend(device).memory.available(&free, &total);
  const MemoryStats stats = memory_stats(memory_space(device));
  return Error(concat(device, ": out of memory: ", megabytes(bytes), " asked for, ",
                      megabytes(stats.current - bytes), " in use by tensors, ",
                      megabytes(stats.cached), " kept for reuse, ", megabytes(free), " of ",
                      megabytes(total), " free; smaller batches or smaller pictures need less (",
                      cause, ")"));
}

/// A block that nobody has had before, or one of the heap. When the device has none, it gets the
/// kept ones back first.
void* new_block(Device device, std::int64_t size) {
  const auto attempt = [&] {
    const MemorySpace which = memory_space(device);
    if (!is_in_heap(which, size)) return fresh_block(device, size);
    Space& space = space_of(which);
    const std::lock_guard lock(space.mutex);
    // A region takes memory where it is touched, when it is too late to say anything.
    check(space.stats.current <= bytes_of_machine(device), "no block of ", size,
          " bytes on the host");
    return space.heap.allocate(size,
                               [device](std::int64_t bytes) { return fresh_block(device, bytes); });
  };
  try {
    return attempt();
  } catch (const Error&) {
    // What is given back is waited for, which a capture does not allow.
    if (!is_capturing()) release_cached_memory(memory_space(device));
  }
  try {
    return attempt();
  } catch (const Error& error) {
    throw out_of_memory(device, size, error.what());
  }
}

}  // namespace

struct MemoryPool::Kept {
  BlocksBySize blocks;
};

MemoryPool::MemoryPool(Device device) : device_(device), kept_(std::make_unique<Kept>()) {}

MemoryPool::~MemoryPool() {
  Space& space = space_of(device_);
  const std::lock_guard lock(space.mutex);
  space.stats.cached -= give_back(device_, {}, kept_->blocks);
}

PoolScope::PoolScope(Device device, std::shared_ptr<MemoryPool> pool)
    : pool_(std::move(pool)),
      space_(memory_space(device)),
      previous_(std::exchange(current_pool[static_cast<int>(space_)], pool_ ? &pool_ : nullptr)) {}

PoolScope::~PoolScope() { current_pool[static_cast<int>(space_)] = previous_; }

Block allocate(Device device, std::int64_t bytes) {
  const MemorySpace which = memory_space(device);
  Space& space = space_of(which);
  const std::int64_t size = size_class(which, bytes);
  Block block{.bytes = bytes, .stream = current_stream(device)};
  if (const auto* pool = current_pool[static_cast<int>(which)]) block.pool = *pool;
  {
    const std::lock_guard lock(space.mutex);
    space.stats.current += size;
    space.stats.peak = std::max(space.stats.peak, space.stats.current);
    if (!kExact && !is_in_heap(which, size)) {
      block.data = taken_from(
          block.pool ? block.pool->kept().blocks : space.kept[block.stream.handle], size);
    }
    if (block.data) space.stats.cached -= size;
  }
  if (block.data) return block;
  try {
    block.data = new_block(device, size);
  } catch (...) {
    const std::lock_guard lock(space.mutex);
    space.stats.current -= size;
    throw;
  }
  if (kExact) poison(device, block.stream, block.data, size);
  return block;
}

void release(Device device, Block block) {
  const MemorySpace which = memory_space(device);
  Space& space = space_of(which);
  const std::int64_t size = size_class(which, block.bytes);
  if (const auto* pool = current_pool[static_cast<int>(which)]) block.pool = *pool;
  const std::lock_guard lock(space.mutex);
  space.stats.current -= size;
  if (is_in_heap(which, size)) return space.heap.release(block.data, size);
  const bool is_stream_gone = !space.kept.contains(block.stream.handle);
  const Stream stream = block.pool || is_stream_gone ? current_stream(device) : block.stream;
  if (kExact) poison_given_up(device, stream, block.data, size);
  if (kExact && !block.pool) {
    backend(device).memory.release(stream, size, block.data);
    return;
  }
  BlocksBySize& kept =
      block.pool ? block.pool->kept().blocks : space.kept[is_stream_gone ? nullptr : stream.handle];
  kept[size].push_back(block.data);
  space.stats.cached += size;
}

MemoryStats memory_stats(MemorySpace which) {
  Space& space = space_of(which);
  const std::lock_guard lock(space.mutex);
  MemoryStats stats = space.stats;
  stats.cached += space.heap.kept_bytes();
  return stats;
}

void reset_peak(MemorySpace which) {
  Space& space = space_of(which);
  const std::lock_guard lock(space.mutex);
  space.stats.peak = space.stats.current;
}

void release_cached_memory(MemorySpace which) {
  Space& space = space_of(which);
  const std::lock_guard lock(space.mutex);
  for (auto& [stream, blocks] : space.kept)
    space.stats.cached -= give_back(any_device_of(which), {stream}, blocks);
  give_back_heap(any_device_of(which), space.heap);
}

void add_stream(Device device, Stream stream) {
  Space& space = space_of(device);
  const std::lock_guard lock(space.mutex);
  space.kept[stream.handle];
}

void remove_stream(Device device, Stream stream) {
  if (!stream.handle) return;
  Space& space = space_of(device);
  const std::lock_guard lock(space.mutex);
  BlocksBySize& left = space.kept[nullptr];
  for (auto& [size, blocks] : space.kept[stream.handle])
    left[size].insert(left[size].end(), blocks.begin(), blocks.end());
  space.kept.erase(stream.handle);
}

}  // namespace tl
