// strided_copy: how the ops that only move numbers move them.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace tl {

/// A box of x of these extents to a box of y, the steps per dimension in elements
/// (kernels/strided.h). What y holds elsewhere stays.
inline void strided_copy(const char* op, const std::vector<std::int64_t>& extents, const Tensor& x,
                         const std::vector<std::int64_t>& x_step, std::int64_t x_offset,
                         const Tensor& y, const std::vector<std::int64_t>& y_step,
                         std::int64_t y_offset) {
  const StridedCopyProblem p = merged_copy(op, extents, x_step, y_step, x_offset, y_offset);
  y.backend().strided.copy(y.stream(), p, x.readable(), y.writable());
}

}  // namespace tl
