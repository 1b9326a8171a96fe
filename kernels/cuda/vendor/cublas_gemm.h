// gemm by cuBLASLt: "cublas" and "cublas_tf32".
#pragma once

#include "kernels/gemm.h"

namespace tl::vendor {

/// f32 and bf16, sums in f32, every transposition, batch and bias.
Variant<GemmProblem, GemmArgs> cublas_gemm();
/// f32 with factors rounded to TF32's 10 bits of significand.
Variant<GemmProblem, GemmArgs> cublas_gemm_tf32();

}  // namespace tl::vendor
