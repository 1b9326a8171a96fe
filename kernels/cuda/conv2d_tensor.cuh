// conv2d "implicit_gemm_bf16" and "implicit_gemm_tf32": the tiles of a pass on tensor cores.
//
//   bf16 storage   what enters a product is bf16, after the prologue too; sums are f32
//   f32 storage    what enters a product is rounded to TF32
//
// On request alone: they have not run on a GPU, and TF32 rounds more than the contract says.
#pragma once

#include "kernels/conv2d.h"
#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

template <class Pass, DType dtype>
bool conv2d_tensor_supports(const Conv2dProblem& p) {
  return p.x_dtype == dtype && Pass::supports(p);
}

/// Adds both to the slot of `Pass`, a pass on tiles of TensorKind.
template <class Pass, class Slot>
void add_conv2d_tensor_variants(Slot& slot) {
  typename Slot::Value variant = {.name = "implicit_gemm_bf16",
                                  .supports = conv2d_tensor_supports<Pass, DType::bf16>,
                                  .run = Pass::run,
                                  .cost = Pass::cost,
                                  .on_request = true};
  if constexpr (requires { &Pass::workspace_bytes; }) {
    variant.workspace_bytes = Pass::workspace_bytes;
  }
  slot.add(variant);
  variant.name = "implicit_gemm_tf32";
  variant.supports = conv2d_tensor_supports<Pass, DType::f32>;
  slot.add(variant);
}

}  // namespace tl::TL_DEVICE_NAMESPACE
