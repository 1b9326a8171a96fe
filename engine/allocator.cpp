#include "engine/allocator.h"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <vector>

namespace tl {
namespace {

#ifdef TL_EXACT_ALLOCATION
constexpr bool kExact = true;
#else
constexpr bool kExact = false;
#endif

// Eight sizes per doubling: a block wastes at most an eighth, and a block that comes back fits the
// next request of about its size.
std::int64_t size_class(std::int64_t bytes) {
  if (kExact) return bytes;
  const auto wanted = static_cast<std::uint64_t>(std::max<std::int64_t>(bytes, 64));
  const std::uint64_t step = std::max<std::uint64_t>(std::bit_floor(wanted) / 8, 64);
  return static_cast<std::int64_t>((wanted + step - 1) / step * step);
}

struct Space {
  std::mutex mutex;
  std::map<std::int64_t, std::vector<void*>> kept;  // by size class
  MemoryStats stats;
};

// Never destroyed: tensors with static lifetime may come back after any destructor of ours.
Space& space_of(MemorySpace space) {
  static auto* spaces = new Space[2];
  return spaces[static_cast<int>(space)];
}

Device any_device_of(MemorySpace space) {
  return space == MemorySpace::host ? Device::ref : Device::simt;
}

void* fresh_block(Device device, std::int64_t bytes) {
  void* data = nullptr;
  backend(device).memory.allocate(bytes, &data);
  return data;
}

// All bits set is a NaN in f32 and f64 alike.
void poison(Device device, void* data, std::int64_t bytes) {
  if (bytes > 0) backend(device).memory.fill({}, 255, {data, DType::u8, bytes});
}

}  // namespace

void* allocate(Device device, std::int64_t bytes) {
  Space& space = space_of(memory_space(device));
  const std::int64_t size = size_class(bytes);
  void* data = nullptr;
  {
    std::lock_guard lock(space.mutex);
    space.stats.current += size;
    space.stats.peak = std::max(space.stats.peak, space.stats.current);
    if (auto it = space.kept.find(size); it != space.kept.end() && !it->second.empty()) {
      data = it->second.back();
      it->second.pop_back();
      space.stats.cached -= size;
    }
  }
  if (data) return data;
  try {
    data = fresh_block(device, size);
  } catch (...) {
    release_cached_memory(memory_space(device));
    try {
      data = fresh_block(device, size);
    } catch (...) {
      std::lock_guard lock(space.mutex);
      space.stats.current -= size;
      throw;
    }
  }
  if (kExact) poison(device, data, size);
  return data;
}

void release(Device device, void* data, std::int64_t bytes) {
  Space& space = space_of(memory_space(device));
  const std::int64_t size = size_class(bytes);
  std::lock_guard lock(space.mutex);
  space.stats.current -= size;
  if (kExact) {
    poison(device, data, size);
    backend(device).memory.release(data);
    return;
  }
  space.kept[size].push_back(data);
  space.stats.cached += size;
}

MemoryStats memory_stats(MemorySpace which) {
  Space& space = space_of(which);
  std::lock_guard lock(space.mutex);
  return space.stats;
}

void reset_peak(MemorySpace which) {
  Space& space = space_of(which);
  std::lock_guard lock(space.mutex);
  space.stats.peak = space.stats.current;
}

void release_cached_memory(MemorySpace which) {
  Space& space = space_of(which);
  std::lock_guard lock(space.mutex);
  for (auto& [size, blocks] : space.kept) {
    for (void* block : blocks) backend(any_device_of(which)).memory.release(block);
  }
  space.kept.clear();
  space.stats.cached = 0;
}

}  // namespace tl
