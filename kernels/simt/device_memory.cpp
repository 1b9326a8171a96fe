#include "kernels/simt/device_memory.h"

#include <cstring>
#include <mutex>
#include <new>

#include "kernels/simt/asan.h"
#include "kernels/simt/block_table.h"
#include "kernels/simt/race.h"

namespace tl::simt {
namespace {

struct DeviceBlocks {
  std::mutex mutex;
  BlockTable table;
  int accesses = 0;  // DeviceMemoryAccess objects alive
};

DeviceBlocks& device_blocks() {
  static DeviceBlocks instance;
  return instance;
}

}  // namespace

void* allocate_device_memory(std::size_t bytes) {
  DeviceBlocks& all = device_blocks();
  const std::lock_guard lock(all.mutex);  // another thread may be about to close all blocks
  void* data = kRaceChecker ? race::allocate(bytes)
                            : ::operator new(bytes ? bytes : 1, kBlockAlignment, std::nothrow);
  if (!data) return nullptr;
  std::memset(data, kNanByte, bytes);
  all.table.add(data, bytes);
  if (all.accesses == 0) {
    asan::poison(data, bytes);
    race::open(data, bytes, false);
  }
  return data;
}

bool release_device_memory(void* data) {
  if (!data) return true;
  DeviceBlocks& all = device_blocks();
  const std::lock_guard lock(all.mutex);
  std::size_t bytes = 0;
  if (!all.table.remove(data, &bytes)) return false;
  asan::unpoison(data, bytes);
  if constexpr (kRaceChecker) {
    race::release(data);
  } else {
    std::memset(data, kNanByte, bytes);
    ::operator delete(data, kBlockAlignment);
  }
  return true;
}

bool is_device_memory(const void* data, std::size_t bytes) {
  DeviceBlocks& all = device_blocks();
  const std::lock_guard lock(all.mutex);
  return all.table.holds(data, bytes);
}

DeviceMemoryAccess::DeviceMemoryAccess() {
  if constexpr (!kAddressSanitizer && !kRaceChecker) return;
  DeviceBlocks& all = device_blocks();
  const std::lock_guard lock(all.mutex);
  if (all.accesses++ > 0) return;
  for (const auto& [data, bytes] : all.table) asan::unpoison(data, bytes);
  race::open_all(true);
}

DeviceMemoryAccess::~DeviceMemoryAccess() {
  if constexpr (!kAddressSanitizer && !kRaceChecker) return;
  DeviceBlocks& all = device_blocks();
  const std::lock_guard lock(all.mutex);
  if (--all.accesses > 0) return;
  for (const auto& [data, bytes] : all.table) asan::poison(data, bytes);
  race::open_all(false);
}

}  // namespace tl::simt
