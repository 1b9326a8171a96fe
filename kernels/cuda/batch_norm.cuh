// What the variants of batch_norm share on the host, and those that lie in files of their own.
#pragma once

#include "kernels/backend.h"
#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

inline bool batch_norm_supports(const BatchNormProblem& p) {
  return (p.x_dtype == DType::f32 || p.x_dtype == DType::bf16) && p.stat_dtype == DType::f32 &&
         !p.residual;
}
/// In evaluation.
inline bool batch_norm_supports_eval(const BatchNormProblem& p) {
  return batch_norm_supports(p) && !p.relu;
}

/// nullptr where the view is absent.
inline float* optional_floats(View v) { return v ? v.as<float>() : nullptr; }

void add_batch_norm_register_tiles(Backend& b);
void add_batch_norm_register_tiles_backward(Backend& b);

}  // namespace tl::TL_DEVICE_NAMESPACE
