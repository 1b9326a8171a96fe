// The variants that call cuBLAS and cuDNN.
#pragma once

#include "kernels/backend.h"

namespace tl::cuda {

/// Adds "cublas", "cublas_tf32" to gemm, "cudnn", "cudnn_tf32" to conv2d and "cudnn" to batch norm
/// in training and to the poolings (but not to the maximum's backward pass), all on request. Where
/// the plugin or a library is not there, forcing one of them says why.
void add_vendor_variants(Backend& b);

}  // namespace tl::cuda
