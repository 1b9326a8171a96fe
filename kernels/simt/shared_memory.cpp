#include "kernels/simt/shared_memory.h"

#include <cstring>
#include <new>

#include "kernels/simt/asan.h"
#include "kernels/simt/block_table.h"
#include "kernels/simt/race.h"

// The linker gives a section's bounds these names. Weak: a program may have no __shared__ variable.
extern "C" {
extern std::byte __start_tl_simt_shared[] __attribute__((weak, visibility("hidden")));
extern std::byte __stop_tl_simt_shared[] __attribute__((weak, visibility("hidden")));
}

namespace tl::simt {

namespace detail {
void* running_dynamic_shared_memory = nullptr;
}

namespace {

constexpr std::align_val_t kSharedAlignment{128};

}  // namespace

DynamicSharedMemory::DynamicSharedMemory(std::size_t bytes) : bytes_(bytes) {
  if constexpr (kRaceChecker) {
    data_ = race::dynamic_shared_memory(bytes);
  } else if (bytes > 0) {
    data_ = ::operator new(bytes, kSharedAlignment);
  }
}

DynamicSharedMemory::~DynamicSharedMemory() {
  if constexpr (!kRaceChecker) ::operator delete(data_, kSharedAlignment);
}

void DynamicSharedMemory::poison() const {
  if (data_) std::memset(data_, kNanByte, bytes_);
}

#ifdef TL_SIMT_ASAN

// ASan keeps gaps between the variables, which memset may not touch. This loop may: ASan remembers
// the gaps elsewhere, not in their bytes.
__attribute__((no_sanitize("address"), optimize("no-tree-loop-distribute-patterns"))) void
poison_static_shared_memory() {
  for (std::byte* b = __start_tl_simt_shared; b != __stop_tl_simt_shared; ++b) {
    *b = std::byte{kNanByte};
  }
}

#else

void poison_static_shared_memory() {
  std::byte* const begin = __start_tl_simt_shared;
  const auto bytes = static_cast<std::size_t>(__stop_tl_simt_shared - begin);
  if (bytes > 0) std::memset(begin, kNanByte, bytes);
}

#endif

}  // namespace tl::simt
