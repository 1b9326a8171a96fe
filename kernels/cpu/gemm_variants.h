// The variants of gemm that this folder has, one file each.
#pragma once

#include "kernels/gemm.h"

namespace tl::cpu {

using GemmVariant = Variant<GemmProblem, GemmArgs>;

GemmVariant gemm_matrix_unit();
GemmVariant gemm_strassen();
GemmVariant gemm_packed();

}  // namespace tl::cpu
