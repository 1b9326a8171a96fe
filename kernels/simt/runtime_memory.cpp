// The runtime API: memory and copies.
#include <unistd.h>

#include <cstring>

#include "kernels/error.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/pinned_memory.h"
#include "kernels/simt/race.h"
#include "kernels/simt/runtime.h"

namespace tl::simt {
namespace {

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
  bool to_device, from_device;
  bool is_pinned;  // its host memory

  bool has_device_memory() const {
    return to_device == is_device_memory(to, bytes) && from_device == is_device_memory(from, bytes);
  }
  bool has_pinned_memory() const {
    return (to_device || is_pinned_memory(to, bytes)) &&
           (from_device || is_pinned_memory(from, bytes));
  }

  /// Blocks may have been freed since it was issued.
  void run() const {
    check(has_device_memory(), "cudaMemcpyAsync of ", bytes,
          " bytes: its device memory was freed before it ran");
    check(!is_pinned || has_pinned_memory(), "cudaMemcpyAsync of ", bytes,
          " bytes: its pinned memory was freed before it ran");
    std::memcpy(to, from, bytes);
    if (to_device) race::copied(to, bytes, from);
  }
};

}  // namespace

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
  *data = allocate_device_memory(bytes);
  return *data ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFree(void* data) {
  if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
  queues().run_all();
  return release_device_memory(data) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaFreeAsync(void* data, cudaStream_t stream) {
  if (data && !is_device_memory(data, 0)) return cudaErrorInvalidValue;
  return issue(stream, {[data] { release_device_memory(data); }, true}, false);
}

cudaError_t cudaMallocHost(void** data, std::size_t bytes) {
  if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
  *data = allocate_pinned_memory(bytes);
  return *data ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void* data) {
  if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
  return release_pinned_memory(data) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  *free = page * static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES));
  *total = page * static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES));
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  Copy copy = {to, from, bytes, kind != cudaMemcpyDeviceToHost, kind != cudaMemcpyHostToDevice, {}};
  if (!copy.has_device_memory()) return cudaErrorInvalidValue;
  copy.is_pinned = copy.has_pinned_memory();
  return issue(stream, {[copy] { copy.run(); }}, copy.is_pinned);
}

cudaError_t cudaMemsetAsync(void* data, int byte, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!is_device_memory(data, bytes)) return cudaErrorInvalidValue;
  return issue(stream, {[=] {
                 check(is_device_memory(data, bytes), "cudaMemsetAsync of ", bytes,
                       " bytes: its memory was freed before it ran");
                 std::memset(data, byte, bytes);
                 race::copied(data, bytes);
               }});
}

}  // namespace tl::simt
