// cross_entropy: sums in f64, in the order of memory, so forward is neither vectorised nor cut up:
// it reads one number per row, or with smoothing and probabilities each once, without the exp()
// that log_softmax has spent on it. Backward is cut into rows.
#include <algorithm>
#include <limits>

#include "kernels/cpu/floats.h"
#include "kernels/cpu/install.h"
#include "kernels/cpu/ranges.h"

namespace tl::cpu {
namespace {

/// The targets as the loops below want them: what is constant along a row is taken out.
struct Targets {
  const std::int32_t* label;
  const float* probability;
  const float* weights;
  std::int64_t columns;
  std::int32_t ignore_index;
  double kept;      // of a target, after smoothing
  double smoothed;  // what smoothing gives to every class

  Targets(const char* op, const CrossEntropyProblem& p, const CrossEntropyTargets& t)
      : label(t.labels ? t.labels.as<std::int32_t>() : nullptr),
        probability(t.labels ? nullptr : floats(op, t.probabilities)),
        weights(t.weights ? floats(op, t.weights) : nullptr),
        columns(p.columns),
        ignore_index(p.ignore_index),
        kept(1 - p.label_smoothing),
        smoothed(p.label_smoothing / static_cast<double>(p.columns)) {}

  bool ignored(std::int64_t i) const { return label && label[i] == ignore_index; }
  double weight(std::int64_t j) const { return weights ? static_cast<double>(weights[j]) : 1; }
  /// Whether the row has a target: its label is a class.
  bool has_target(std::int64_t i) const { return !label || (0 <= label[i] && label[i] < columns); }
  /// The row's share of `total`, of one that is not ignored.
  double share(std::int64_t i) const {
    if (!has_target(i)) return std::numeric_limits<double>::quiet_NaN();
    return label ? weight(label[i]) : 1;
  }

  /// Calls f(j, k[i, j]) for every column that counts, the contract's k.
  template <class F>
  void for_each_term(std::int64_t i, const F& f) const {
    if (ignored(i) || !has_target(i)) return;
    if (label && smoothed == 0) return f(label[i], weight(label[i]));
    for (std::int64_t j = 0; j < columns; ++j) {
      const double q =
          label ? (j == label[i] ? 1 : 0) : static_cast<double>(probability[i * columns + j]);
      f(j, weight(j) * (kept * q + smoothed));
    }
  }
};

void forward(Stream, const CrossEntropyProblem& p, const CrossEntropyTargets& target_views,
             ConstView log_p_view, View loss, View total_view) {
  const char* op = "cross_entropy.forward";
  const Targets targets(op, p, target_views);
  const float* log_p = floats(op, log_p_view);
  double sum = 0, total = 0;
  for (std::int64_t i = 0; i < p.rows; ++i) {
    if (!targets.ignored(i)) total += targets.share(i);
    targets.for_each_term(i, [&](std::int64_t j, double k) {
      sum += k * static_cast<double>(log_p[i * p.columns + j]);
    });
  }
  *floats(op, loss) = static_cast<float>(-sum / total);
  *floats(op, total_view) = static_cast<float>(total);
}

void backward(Stream, const CrossEntropyProblem& p, const CrossEntropyTargets& target_views,
              ConstView total, ConstView dloss, View dlog_p_view) {
  const char* op = "cross_entropy.backward";
  if (dlog_p_view.size == 0) return;
  const Targets targets(op, p, target_views);
  const float share = -*floats(op, dloss) / *floats(op, total);
  float* dlog_p = floats(op, dlog_p_view);
  const std::int64_t columns = p.columns;
  parallel_ranges(p.rows, rows_per_chunk(columns), [=, &targets](Range chunk) {
    std::fill(dlog_p + chunk.begin * columns, dlog_p + chunk.end * columns, 0.0f);
    for (std::int64_t i = chunk.begin; i < chunk.end; ++i) {
      targets.for_each_term(i, [=](std::int64_t j, double k) {
        dlog_p[i * columns + j] = share * static_cast<float>(k);
      });
    }
  });
}

}  // namespace

void install_cross_entropy(Backend& b) {
  b.cross_entropy.forward = forward;
  b.cross_entropy.backward = backward;
}

}  // namespace tl::cpu
