// launch, DYNAMIC_SHARED, check_aligned under nvcc; kernels/simt/ has their twins.
#pragma once

#include <cuda_pipeline_primitives.h>

#include <string_view>
#include <type_traits>

#include "kernels/cuda/check.h"
#include "kernels/simt/kernel_name.h"
#include "kernels/sync_launches.h"

// All kernels see one untyped array, so that they can differ in T.
#define DYNAMIC_SHARED(T, name)                                          \
  extern __shared__ __align__(128) unsigned char dynamic_shared_bytes[]; \
  T* const name = reinterpret_cast<T*>(dynamic_shared_bytes)

namespace tl::cuda {

namespace detail {

/// What a kernel gets without asking for more.
inline constexpr std::size_t kDefaultSharedBytes = 48 << 10;

inline void wait_for_launch(std::string_view name, cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_call(cudaStreamIsCapturing(stream, &status), name);
  if (status == cudaStreamCaptureStatusNone) check_call(cudaStreamSynchronize(stream), name);
}

template <class... Parameters, class... Arguments>
void launch(std::string_view name, void (*kernel)(Parameters...), cudaLaunchConfig_t config,
            const Arguments&... arguments) {
  static_assert((!std::is_reference_v<Parameters> && ...), "parameters are passed by value");
  if (config.dynamicSmemBytes > kDefaultSharedBytes) {
    check_call(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                    cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(config.dynamicSmemBytes)),
               name, ": ", config.dynamicSmemBytes, " bytes of dynamic shared memory");
  }
  check_call(cudaLaunchKernelEx(&config, kernel, Parameters{arguments}...), name);
  if (sync_launches) wait_for_launch(name, config.stream);
}

}  // namespace detail

/// Queues `kernel` on the stream; an error names it. One that shows while it runs comes out of a
/// later call, unless sync_launches says to wait.
template <auto kernel, class... Arguments>
void launch(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
            const Arguments&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  detail::launch(kernel_name<kernel>(), kernel, config, arguments...);
}

/// A GPU itself stops at a misaligned access.
inline __device__ void check_aligned(const void*, std::size_t) {}

}  // namespace tl::cuda
