#include "kernels/simt/pinned_memory.h"

#include <cstring>
#include <mutex>
#include <new>

#include "kernels/simt/block_table.h"

namespace tl::simt {
namespace {

struct PinnedBlocks {
  std::mutex mutex;
  BlockTable table;
};

PinnedBlocks& pinned_blocks() {
  static PinnedBlocks instance;
  return instance;
}

}  // namespace

void* allocate_pinned_memory(std::size_t bytes) {
  void* data = ::operator new(bytes ? bytes : 1, kBlockAlignment, std::nothrow);
  if (!data) return nullptr;
  std::memset(data, kNanByte, bytes);
  PinnedBlocks& all = pinned_blocks();
  const std::lock_guard lock(all.mutex);
  all.table.add(data, bytes);
  return data;
}

bool release_pinned_memory(void* data) {
  if (!data) return true;
  PinnedBlocks& all = pinned_blocks();
  const std::lock_guard lock(all.mutex);
  std::size_t bytes = 0;
  if (!all.table.remove(data, &bytes)) return false;
  std::memset(data, kNanByte, bytes);
  ::operator delete(data, kBlockAlignment);
  return true;
}

bool is_pinned_memory(const void* data, std::size_t bytes) {
  PinnedBlocks& all = pinned_blocks();
  const std::lock_guard lock(all.mutex);
  return all.table.holds(data, bytes);
}

}  // namespace tl::simt
