// Shared memory: what __shared__ variables and DYNAMIC_SHARED lie in. Both are filled with NaN
// before each block, so that nothing seems right because of what the last block left there.
#pragma once

#include <cstddef>

namespace tl::simt {

/// Dynamic shared memory of one launch: a heap block of exactly the size asked for, so that ASan
/// sees the first byte past it.
class DynamicSharedMemory {
 public:
  explicit DynamicSharedMemory(std::size_t bytes);
  ~DynamicSharedMemory();
  DynamicSharedMemory(const DynamicSharedMemory&) = delete;
  DynamicSharedMemory& operator=(const DynamicSharedMemory&) = delete;

  void poison() const;
  void* data() const { return data_; }

 private:
  std::size_t bytes_;
  void* data_ = nullptr;
};

/// The __shared__ variables of all kernels of the program.
void poison_static_shared_memory();

namespace detail {
extern void* running_dynamic_shared_memory;
}

/// The dynamic shared memory of the running block; nullptr when the launch has none.
inline void* dynamic_shared_memory() { return detail::running_dynamic_shared_memory; }

}  // namespace tl::simt
