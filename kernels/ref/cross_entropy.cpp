// cross_entropy: the contract of kernels/cross_entropy.h.
#include <algorithm>
#include <limits>

#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

/// The contract's weight and k.
template <class T>
struct Coefficients {
  const CrossEntropyProblem& p;
  const std::int32_t* label;
  const T* probability;
  const Arithmetic<T>* weights;

  Coefficients(const CrossEntropyProblem& problem, const CrossEntropyTargets& t)
      : p(problem),
        label(t.labels ? t.labels.as<std::int32_t>() : nullptr),
        probability(t.labels ? nullptr : t.probabilities.as<T>()),
        weights(t.weights ? t.weights.as<Arithmetic<T>>() : nullptr) {}

  /// Of a row's label in `total`, of one that is not ignored.
  double share(std::int64_t i) const {
    if (!label) return 1;
    const bool is_class = 0 <= label[i] && label[i] < p.columns;
    return is_class ? weight(label[i]) : std::numeric_limits<double>::quiet_NaN();
  }
  bool ignored(std::int64_t i) const { return label && label[i] == p.ignore_index; }
  double weight(std::int64_t j) const { return weights ? static_cast<double>(weights[j]) : 1; }
  double k(std::int64_t i, std::int64_t j) const {
    if (ignored(i)) return 0;
    const double q =
        label ? (j == label[i] ? 1 : 0) : static_cast<double>(probability[i * p.columns + j]);
    return weight(j) *
           ((1 - p.label_smoothing) * q + p.label_smoothing / static_cast<double>(p.columns));
  }
  /// Whether a number that the contract does not read is multiplied by 0 here.
  bool unread(std::int64_t i, std::int64_t j) const {
    return label && (ignored(i) || (p.label_smoothing == 0 && j != label[i]));
  }
};

void cross_entropy_forward(Stream, const CrossEntropyProblem& p, const CrossEntropyTargets& targets,
                           ConstView log_p_view, View loss_view, View total_view) {
  with_float_or_bf16("cross_entropy.forward", log_p_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const Coefficients<T> c(p, targets);
    const T* log_p = log_p_view.as<T>();
    double sum = 0, total = 0;
    for (std::int64_t i = 0; i < p.rows; ++i) {
      if (!c.ignored(i)) total += c.share(i);
      for (std::int64_t j = 0; j < p.columns; ++j) {
        if (!c.unread(i, j)) sum += c.k(i, j) * static_cast<double>(log_p[i * p.columns + j]);
      }
    }
    *loss_view.as<A>() = static_cast<A>(-sum / total);
    *total_view.as<A>() = static_cast<A>(total);
  });
}

void cross_entropy_backward(Stream, const CrossEntropyProblem& p,
                            const CrossEntropyTargets& targets, ConstView total_view,
                            ConstView dloss_view, View dlog_p_view) {
  if (dlog_p_view.size == 0) return;
  with_float_or_bf16("cross_entropy.backward", dlog_p_view.dtype, [&]<class T>(T) {
    using A = Arithmetic<T>;
    const Coefficients<T> c(p, targets);
    const A share = -*dloss_view.as<A>() / *total_view.as<A>();
    T* dlog_p = dlog_p_view.as<T>();
    std::fill_n(dlog_p, p.rows * p.columns, static_cast<T>(0));
    for (std::int64_t i = 0; i < p.rows; ++i) {
      for (std::int64_t j = 0; j < p.columns; ++j) {
        if (c.unread(i, j)) continue;
        dlog_p[i * p.columns + j] = static_cast<T>(share * static_cast<A>(c.k(i, j)));
      }
    }
  });
}

}  // namespace

void install_cross_entropy(Backend& b) {
  b.cross_entropy.forward = cross_entropy_forward;
  b.cross_entropy.backward = cross_entropy_backward;
}

}  // namespace tl::ref
