// Contract of gemm: matrix product with a bias per column.
//
//   y[i, j] = sum over l of op(a)[i, l] * op(b)[l, j]  (+ bias[j])
//
// op(a) is [m, k], op(b) is [k, n], y is [m, n], row-major and contiguous. trans_a: a is stored
// [k, m]; trans_b: b is stored [n, k] (a linear layer's weight [out, in] is b with trans_b).
// y is overwritten and aliases nothing. k = 0 gives the bias (or 0). Deterministic.
// "Weights" of a variant that prepares: b.
#pragma once

#include <cstdint>
#include <ostream>

#include "kernels/variant.h"

namespace tl {

struct GemmProblem {
  std::int64_t m = 1, n = 1, k = 1;
  bool trans_a = false, trans_b = false;
  bool bias = false;
  DType dtype = DType::f32;
};

std::ostream& operator<<(std::ostream& out, const GemmProblem& p);

struct GemmArgs {
  ConstView a;
  ConstView b;     ///< prepared, if the variant prepares
  ConstView bias;  ///< [n], with `bias`
  View y;
  View workspace;
};

struct GemmKernels {
  VariantSlot<GemmProblem, GemmArgs> run{"gemm"};
};

}  // namespace tl
