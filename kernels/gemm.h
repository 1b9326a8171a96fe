// Contract of gemm: matrix products with a bias per column.
//
//   y[t, i, j] = sum over l of op(a[t])[i, l] * op(b[t])[l, j]  (+ bias[j])      for t < batch
//
// op(a[t]) is [m, k], op(b[t]) is [k, n], y[t] is [m, n], row-major and contiguous, as are the
// matrices of a batch, one after another; the bias is the same for all. trans_a: a[t] is stored
// [k, m]; trans_b: b[t] is stored [n, k] (a linear layer's weight [out, in] is b with trans_b).
// y is overwritten and aliases nothing. k = 0 gives the bias (or 0). A matrix of a batch has the
// bits that it has alone. Deterministic. a, b and y are of `dtype`, the bias of its
// parameter_dtype.
// "strassen" of `cpu`, for large products, has a relative L2 error of up to 7e-7 where "packed" has
// 2e-7, and adds rows of a before it multiplies: a NaN or infinity in row i reaches the row of y
// that is half a matrix away, too.
// "Weights" of a variant that prepares: b.
#pragma once

#include <cstdint>
#include <ostream>

#include "kernels/variant.h"

namespace tl {

struct GemmProblem {
  std::int64_t m = 1, n = 1, k = 1, batch = 1;
  bool trans_a = false, trans_b = false;
  bool bias = false;
  DType dtype = DType::f32;

  double multiply_adds() const {
    return static_cast<double>(batch) * static_cast<double>(m) * static_cast<double>(n) *
           static_cast<double>(k);
  }
  /// Of a, b and y, each once, and the bias.
  double bytes() const {
    const std::int64_t elements = batch * (m * k + k * n + m * n) + (bias ? n : 0);
    return static_cast<double>(elements) * static_cast<double>(size_of(dtype));
  }
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
