// The one header through which a kernel file sees its machine: CUDA under nvcc, simt under a C++
// compiler. Both give CUDA's own vocabulary and
//
//   TL_DEVICE_NAMESPACE         the namespace inside tl that the file's code lies in: cuda or simt
//   launch<kernel>(grid, block, shared_bytes, stream, arguments...)
//   DYNAMIC_SHARED(T, name)     T* name: the launch's dynamic shared memory
//   FULL_WARP                   the mask of all 32 lanes
//   native(stream)              the contracts' Stream as a cudaStream_t
//
// The rules that keep one source good for both are in kernels/simt/README.md.
#pragma once

#include "kernels/cuda/runtime.h"
#include "kernels/stream.h"

#ifdef __CUDACC__
#include "kernels/cuda/launch.cuh"
#else
#include "kernels/simt/simt.h"
#define DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(dynamic_shared_memory())
#endif

namespace tl::TL_DEVICE_NAMESPACE {

inline constexpr unsigned FULL_WARP = 0xffffffffu;

inline cudaStream_t native(Stream stream) { return static_cast<cudaStream_t>(stream.handle); }

}  // namespace tl::TL_DEVICE_NAMESPACE
