// A gemm of ours, whose matrices lie row by row, as cuBLAS sees it, for which they lie column by
// column: the same bytes are then the transposed matrix, and y^T = op(b)^T op(a)^T. So `b` is
// cuBLAS's first operand, `a` its second, and nothing is copied. No CUDA in this header.
#pragma once

#include <cstdint>

#include "kernels/gemm.h"

namespace tl::vendor {

/// rows x columns, column by column, `leading` elements from one column to the next, `stride` from
/// one matrix of a batch to the next; used transposed or as it is.
struct ColumnMatrix {
  std::int64_t rows, columns, leading, stride;
  bool is_transposed;
};

/// product [n, m] = first * second, transposed as they say.
struct GemmLayout {
  ColumnMatrix first, second, product;
};

constexpr GemmLayout gemm_layout(const GemmProblem& p) {
  const ColumnMatrix first = p.trans_b ? ColumnMatrix{p.k, p.n, p.k, p.k * p.n, true}
                                       : ColumnMatrix{p.n, p.k, p.n, p.k * p.n, false};
  const ColumnMatrix second = p.trans_a ? ColumnMatrix{p.m, p.k, p.m, p.m * p.k, true}
                                        : ColumnMatrix{p.k, p.m, p.k, p.m * p.k, false};
  return {first, second, {p.n, p.m, p.n, p.m * p.n, false}};
}

/// The largest power of two up to `most` that divides every matrix's place in its batch: what the
/// addresses of all of them are multiples of, if the first is aligned to `most` bytes.
constexpr std::int64_t common_alignment(std::int64_t stride_bytes, std::int64_t most) {
  while (stride_bytes % most != 0) most /= 2;
  return most;
}

}  // namespace tl::vendor
