#include "kernels/simt/runtime_api.h"

#include <cstring>

#include "kernels/simt/device_memory.h"
#include "kernels/simt/race.h"

namespace tl::simt {

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "insufficient driver";
    case cudaErrorNoDevice:
      return "no device";
  }
  return "unknown error";
}

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  *data = allocate_device_memory(bytes);
  return *data ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFree(void* data) {
  return release_device_memory(data) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  if (bytes == 0) return cudaSuccess;
  const bool to_device = kind != cudaMemcpyDeviceToHost;
  const bool from_device = kind != cudaMemcpyHostToDevice;
  if (to_device != is_device_memory(to, bytes)) return cudaErrorInvalidValue;
  if (from_device != is_device_memory(from, bytes)) return cudaErrorInvalidValue;
  const DeviceMemoryAccess access;
  std::memcpy(to, from, bytes);
  if (to_device) race::copied(to, bytes, from);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* data, int byte, std::size_t bytes, cudaStream_t) {
  if (bytes == 0) return cudaSuccess;
  if (!is_device_memory(data, bytes)) return cudaErrorInvalidValue;
  const DeviceMemoryAccess access;
  std::memset(data, byte, bytes);
  race::copied(data, bytes);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

}  // namespace tl::simt
