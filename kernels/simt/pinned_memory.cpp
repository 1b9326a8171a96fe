#include "kernels/simt/pinned_memory.h"

#include <cstring>
#include <mutex>
#include <new>

#include "kernels/simt/block_table.h"

namespace tl::simt {
namespace {

constexpr std::align_val_t kAlignment{256};
constexpr int kNanByte = 0xff;

struct Blocks {
  std::mutex mutex;
  BlockTable table;
};

Blocks& blocks() {
  static Blocks instance;
  return instance;
}

}  // namespace

void* allocate_pinned_memory(std::size_t bytes) {
  void* data = ::operator new(bytes ? bytes : 1, kAlignment, std::nothrow);
  if (!data) return nullptr;
  std::memset(data, kNanByte, bytes);
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  all.table.add(data, bytes);
  return data;
}

bool release_pinned_memory(void* data) {
  if (!data) return true;
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  std::size_t bytes = 0;
  if (!all.table.remove(data, &bytes)) return false;
  std::memset(data, kNanByte, bytes);
  ::operator delete(data, kAlignment);
  return true;
}

bool is_pinned_memory(const void* data, std::size_t bytes) {
  Blocks& all = blocks();
  const std::lock_guard lock(all.mutex);
  return all.table.holds(data, bytes);
}

}  // namespace tl::simt
