// gemm: how the ops that multiply matrices call the kernel.
#pragma once

#include "engine/run_variant.h"

namespace tl {

/// op(a) op(b) + bias as a new tensor of `shape`, which holds problem.batch matrices [m, n].
inline Tensor gemm(const GemmProblem& problem, const Tensor& a, const Tensor& b, const Shape& shape,
                   const Tensor& bias = {}) {
  const Tensor y = Tensor::empty(shape, problem.dtype, a.device());
  GemmArgs args{
      .a = a.readable(), .b = b.readable(), .bias = {}, .y = y.writable(), .workspace = {}};
  if (bias) args.bias = bias.readable();
  run_variant(y, y.backend().gemm.run, problem, args, &GemmArgs::b);
  return y;
}

}  // namespace tl
