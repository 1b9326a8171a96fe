// Contract of the reductions.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct ReduceKernels {
  /// y[j] = sum over i of x[i, j]; x [rows, columns] with columns = y.size. y is overwritten and
  /// aliases nothing; no rows give 0. Deterministic.
  Slot<void(Stream, ConstView x, View y)> sum_rows{"reduce.sum_rows"};
};

}  // namespace tl
