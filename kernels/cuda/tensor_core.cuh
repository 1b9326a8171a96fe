// wmma: matrix products of a whole warp on tensor cores; CUDA's under nvcc, simt's under a C++
// compiler. Matrices of bf16 are handed to it as __nv_bfloat16, which BFloat16 shares its bits
// with: as_wmma(pointer).
#pragma once

#include "kernels/bfloat16.h"
#include "kernels/cuda/compat.cuh"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <mma.h>
#else
#include "kernels/simt/tensor_core.h"
#endif

namespace tl::TL_DEVICE_NAMESPACE {

namespace wmma = nvcuda::wmma;

inline __device__ const __nv_bfloat16* as_wmma(const BFloat16* matrix) {
  static_assert(sizeof(__nv_bfloat16) == sizeof(BFloat16));
  return reinterpret_cast<const __nv_bfloat16*>(matrix);
}
inline __device__ const float* as_wmma(const float* matrix) { return matrix; }

}  // namespace tl::TL_DEVICE_NAMESPACE
