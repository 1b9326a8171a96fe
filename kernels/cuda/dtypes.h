// with_f32_or_bf16: how the host part of a kernel written for both is entered.
#pragma once

#include <utility>

#include "kernels/cuda/runtime.h"
#include "kernels/dtype.h"

namespace tl::TL_DEVICE_NAMESPACE {

/// Calls f(T{}) with T = float or BFloat16; throws, naming `op`, for any other dtype.
template <class F>
decltype(auto) with_f32_or_bf16(const char* op, DType dtype, F&& f) {
  if (dtype == DType::bf16) return f(BFloat16{});
  check(dtype == DType::f32, op, ": ", kDeviceName, " needs f32 or bf16, got ", dtype,
        dtype == DType::f64 ? " (ref has f64)" : "");
  return f(float{});
}

}  // namespace tl::TL_DEVICE_NAMESPACE
