// Contract of cross_entropy: mean negative log-likelihood of targets under log-probabilities, with
// the options and formulas of PyTorch's cross_entropy.
//
//   loss[0] = -(1 / total) * sum over i, j of k[i, j] * log_p[i, j]
//   k[i, j] = weight[j] * ((1 - label_smoothing) * q[i, j] + label_smoothing / columns)
//   d log_p[i, j] = -dloss[0] * k[i, j] / total[0]
//
// Targets are either labels: q[i, j] = 1 where j == label[i], else 0; rows whose label is
//   ignore_index have k = 0; total = sum over the other rows of weight[label[i]];
// or probabilities: q as given; total = rows.
//
// All rows ignored: total is 0 and loss is 0 / 0 = NaN, as in PyTorch; dlog_p is 0 there.
// Labels without smoothing: of a row, only log_p[i, label[i]] is read, so that a probability of 0
// elsewhere (log_p = -infinity) costs nothing.
//
// log_p, dlog_p, probabilities [rows, columns] of one float dtype; weights [columns], loss, total
// and dloss [1] of its parameter_dtype; labels i32 [rows], each in [0, columns) or ignore_index.
// One that is neither makes total and loss NaN, and the gradients of the other rows: a device need
// not be waited for to check them. Outputs are overwritten and alias nothing. Sums are taken in
// f64, in an order laid down by the shape. Deterministic.
#pragma once

#include <cstdint>

#include "kernels/slot.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace tl {

struct CrossEntropyProblem {
  std::int64_t rows = 1, columns = 1;
  double label_smoothing = 0;
  std::int32_t ignore_index = -100;  ///< of labels
};

/// Labels or probabilities, one of them present.
struct CrossEntropyTargets {
  ConstView labels, probabilities;
  ConstView weights = {};  ///< absent: all 1
};

inline double bytes_of(const CrossEntropyTargets& t) {
  return bytes_of(t.labels) + bytes_of(t.probabilities) + bytes_of(t.weights);
}

struct CrossEntropyKernels {
  Slot<void(Stream, const CrossEntropyProblem&, const CrossEntropyTargets&, ConstView log_p,
            View loss, View total)>
      forward{"cross_entropy.forward"};
  /// `total` as forward wrote it.
  Slot<void(Stream, const CrossEntropyProblem&, const CrossEntropyTargets&, ConstView total,
            ConstView dloss, View dlog_p)>
      backward{"cross_entropy.backward"};
};

}  // namespace tl
