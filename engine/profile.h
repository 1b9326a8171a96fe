// Profile: every kernel that runs while it lives: how long, over how many bytes, for which layer,
// and how much memory was in use. Meanwhile every launch is waited for (kernels/sync_launches.h),
// so that a kernel's time is its own on a GPU as well; nothing is captured.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "engine/allocator.h"
#include "engine/layer_scope.h"
#include "kernels/observer.h"

namespace tl {

struct ProfileEvent {
  KernelCall call;
  LayerContext context;
  std::int64_t memory = 0;  ///< bytes of tensors when the kernel had run, device memory included
};

class Profile : public KernelObserver {
 public:
  /// Starts watching.
  Profile();
  ~Profile() override;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  void ran(const KernelCall& call) noexcept override;

  /// In the order in which the kernels ended. Not to be called while one runs.
  const std::vector<ProfileEvent>& events() const { return events_; }
  /// Forgets what was seen, e.g. the first step.
  void clear() { events_.clear(); }

 private:
  const bool synced_before_;
  std::mutex mutex_;
  std::vector<ProfileEvent> events_;
};

}  // namespace tl
