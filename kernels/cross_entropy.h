// Contract of cross_entropy: mean negative log-likelihood of the labels under log-probabilities.
//
//   loss[0] = -(1 / rows) * sum over i of log_p[i, label[i]]
//   d log_p[i, j] = -dloss[0] / rows where j == label[i], else 0
//
// log_p, dlog_p [rows, columns] f32 or f64; labels i32 [rows], each in [0, columns) (checked by the
// op where they lie on the host, undefined here); loss, dloss [1]. Outputs are overwritten and
// alias nothing. The sum is taken in f64, in row order. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct CrossEntropyKernels {
  Slot<void(Stream, std::int64_t columns, ConstView log_p, ConstView labels, View loss)> forward{
      "cross_entropy.forward"};
  Slot<void(Stream, std::int64_t columns, ConstView labels, ConstView dloss, View dlog_p)> backward{
      "cross_entropy.backward"};
};

}  // namespace tl
