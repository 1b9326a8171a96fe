// check_call: the result of every CUDA call goes through it.
#pragma once

#include "kernels/cuda/runtime.h"
#include "kernels/error.h"

namespace tl::TL_DEVICE_NAMESPACE {

/// Throws unless `error` is cudaSuccess; `what` says what was tried.
template <class... What>
void check_call(cudaError_t error, const What&... what) {
  if (error == cudaSuccess) return;
  check(error != cudaErrorNoDevice && error != cudaErrorInsufficientDriver, kDeviceName,
        ": no CUDA device found (", cudaGetErrorString(error), ")");
  throw Error(concat(kDeviceName, ": ", what..., ": ", cudaGetErrorString(error)));
}

}  // namespace tl::TL_DEVICE_NAMESPACE
