// The two passes around cuBLAS's product that it has no form of.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/view.h"

namespace tl::vendor {

/// y[i, j] = (product ? product[i, j] : 0) + (bias ? bias[j] : 0), rounded once to y's dtype, f32
/// or bf16. product and bias are f32, `columns` the length of a row.
void add_bias(cudaStream_t stream, const float* product, const float* bias, std::int64_t columns,
              View y);

}  // namespace tl::vendor
