// The variants of conv2d that this folder has, one file each.
#pragma once

#include "kernels/conv2d.h"

namespace tl::cpu {

using Conv2dForwardVariant = Variant<Conv2dProblem, Conv2dForwardArgs>;
using Conv2dBackwardDataVariant = Variant<Conv2dProblem, Conv2dBackwardDataArgs>;
using Conv2dBackwardWeightVariant = Variant<Conv2dProblem, Conv2dBackwardWeightArgs>;

Conv2dForwardVariant conv2d_forward_implicit_gemm();
Conv2dBackwardDataVariant conv2d_backward_data_implicit_gemm();
Conv2dBackwardWeightVariant conv2d_backward_weight_implicit_gemm();

/// What every variant here asks for.
inline bool is_all_f32(const Conv2dProblem& p) {
  return p.x_dtype == DType::f32 && p.w_dtype == DType::f32 && p.y_dtype == DType::f32;
}

}  // namespace tl::cpu
