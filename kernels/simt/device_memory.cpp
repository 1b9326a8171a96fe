#include "kernels/simt/device_memory.h"

#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <new>

#include "kernels/simt/asan.h"
#include "kernels/simt/race.h"

namespace tl::simt {
namespace {

constexpr std::align_val_t kAlignment{256};

struct Blocks {
  std::mutex mutex;
  std::map<std::byte*, std::size_t, std::less<>> bytes;  // by address
  int accesses = 0;                                      // DeviceMemoryAccess objects alive
};

Blocks& blocks() {
  static Blocks instance;
  return instance;
}

}  // namespace

void* allocate_device_memory(std::size_t bytes) {
  void* data = kRaceChecker ? race::allocate(bytes)
                            : ::operator new(bytes ? bytes : 1, kAlignment, std::nothrow);
  if (!data) return nullptr;
  std::memset(data, 0xff, bytes);
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  all.bytes[static_cast<std::byte*>(data)] = bytes;
  if (all.accesses == 0) {
    asan::poison(data, bytes);
    race::open(data, bytes, false);
  }
  return data;
}

bool release_device_memory(void* data) {
  if (!data) return true;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  const auto found = all.bytes.find(static_cast<std::byte*>(data));
  if (found == all.bytes.end()) return false;
  asan::unpoison(data, found->second);
  all.bytes.erase(found);
  if constexpr (kRaceChecker) {
    race::release(data);
  } else {
    ::operator delete(data, kAlignment);
  }
  return true;
}

bool is_device_memory(const void* data, std::size_t bytes) {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  const auto* first = static_cast<const std::byte*>(data);
  auto block = all.bytes.upper_bound(first);
  if (block == all.bytes.begin()) return false;
  --block;
  const std::size_t offset = static_cast<std::size_t>(first - block->first);
  return offset <= block->second && bytes <= block->second - offset;
}

DeviceMemoryAccess::DeviceMemoryAccess() {
  if constexpr (!kAddressSanitizer && !kRaceChecker) return;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  if (all.accesses++ > 0) return;
  for (const auto& [data, bytes] : all.bytes) asan::unpoison(data, bytes);
  race::open_all(true);
}

DeviceMemoryAccess::~DeviceMemoryAccess() {
  if constexpr (!kAddressSanitizer && !kRaceChecker) return;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  if (--all.accesses > 0) return;
  for (const auto& [data, bytes] : all.bytes) asan::poison(data, bytes);
  race::open_all(false);
}

}  // namespace tl::simt
