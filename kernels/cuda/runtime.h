// The runtime API (cudaMalloc, cudaMemcpyAsync, ...): CUDA's under nvcc, simt's under a C++
// compiler; and the namespace that code of this folder lies in, so that one program can hold both.
#pragma once

#ifdef __CUDACC__
#include <cuda_runtime.h>
#define TL_DEVICE_NAMESPACE cuda
#else
#include "kernels/simt/runtime_api.h"
#define TL_DEVICE_NAMESPACE simt
#endif

namespace tl::TL_DEVICE_NAMESPACE {

/// How this device is called in errors.
#ifdef __CUDACC__
inline constexpr const char* kDeviceName = "cuda";
#else
inline constexpr const char* kDeviceName = "simt";
#endif

}  // namespace tl::TL_DEVICE_NAMESPACE
