#include "kernels/simt/device_memory.h"

#include <cstring>
#include <mutex>
#include <new>

#include "kernels/simt/asan.h"
#include "kernels/simt/block_table.h"
#include "kernels/simt/race.h"

namespace tl::simt {
namespace {

constexpr std::align_val_t kAlignment{256};
constexpr int kNanByte = 0xff;

struct Blocks {
  std::mutex mutex;
  BlockTable table;
  int accesses = 0;  // DeviceMemoryAccess objects alive
};

Blocks& blocks() {
  static Blocks instance;
  return instance;
}

}  // namespace

void* allocate_device_memory(std::size_t bytes) {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);  // another thread may be about to close all blocks
  void* data = kRaceChecker ? race::allocate(bytes)
                            : ::operator new(bytes ? bytes : 1, kAlignment, std::nothrow);
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
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  std::size_t bytes = 0;
  if (!all.table.remove(data, &bytes)) return false;
  asan::unpoison(data, bytes);
  if constexpr (kRaceChecker) {
    race::release(data);
  } else {
    std::memset(data, kNanByte, bytes);
    ::operator delete(data, kAlignment);
  }
  return true;
}

bool is_device_memory(const void* data, std::size_t bytes) {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  return all.table.holds(data, bytes);
}

DeviceMemoryAccess::DeviceMemoryAccess() {
  if constexpr (!kAddressSanitizer && !kRaceChecker) return;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  if (all.accesses++ > 0) return;
  for (const auto& [data, bytes] : all.table) asan::unpoison(data, bytes);
  race::open_all(true);
}

DeviceMemoryAccess::~DeviceMemoryAccess() {
  if constexpr (!kAddressSanitizer && !kRaceChecker) return;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  if (--all.accesses > 0) return;
  for (const auto& [data, bytes] : all.table) asan::poison(data, bytes);
  race::open_all(false);
}

}  // namespace tl::simt
