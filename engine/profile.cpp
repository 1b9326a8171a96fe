#include "engine/profile.h"

#include <string_view>

#include "kernels/sync_launches.h"

namespace tl {

Profile::Profile() : synced_before_(sync_launches.exchange(true)) { kernel_observers.add(*this); }

Profile::~Profile() {
  kernel_observers.remove(*this);
  sync_launches = synced_before_;
}

void Profile::ran(const KernelCall& call) noexcept {
  const std::string_view slot = call.slot;
  // The allocator holds its lock while it asks for a block or gives one back.
  if (slot == "memory.allocate" || slot == "memory.release" || slot == "memory.fill") return;
  std::int64_t memory = 0;
  for (int space = 0; space < kMemorySpaces; ++space)
    memory += memory_stats(static_cast<MemorySpace>(space)).current;
  const std::lock_guard lock(mutex_);
  events_.push_back({call, layer_context(), memory});
}

}  // namespace tl
