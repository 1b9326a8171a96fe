// The variants of gemm that this folder has, one file each.
#pragma once

#include "kernels/gemm.h"

namespace tl::cpu {

using GemmVariant = Variant<GemmProblem, GemmArgs>;

GemmVariant gemm_matrix_unit();
GemmVariant gemm_packed();
GemmVariant gemm_strassen();

/// What gemm_strassen takes: columns and depth in multiples of these, for every instruction set.
constexpr std::int64_t kStrassenGemmColumnStep = 64, kStrassenGemmDepthStep = 32;

}  // namespace tl::cpu
