// cross_entropy: the contract of kernels/cross_entropy.h. Sums are in f64 and come from one block:
// they are over as many numbers as the batch has rows, or over one pass of log_p where targets are
// smoothed or probabilities, and a second kernel would need a workspace. Backward is a map over the
// elements of dlog_p.
#include "kernels/cuda/block_reduce.cuh"
#include "kernels/cuda/divisor.cuh"
#include "kernels/cuda/dtypes.h"
#include "kernels/cuda/grid_stride.cuh"
#include "kernels/cuda/install.h"
#include "kernels/cuda/vector.cuh"

namespace tl::TL_DEVICE_NAMESPACE {
namespace {

/// The targets as the kernels want them: what is constant is taken out.
template <class T>
struct Targets {
  const std::int32_t* label;  // nullptr: probabilities
  const T* probability;
  const float* weights;  // nullptr: all 1
  std::int64_t rows, columns;
  std::int32_t ignore_index;
  double kept;      // of a target, after smoothing
  double smoothed;  // what smoothing gives to every class

  Targets(const CrossEntropyProblem& p, const CrossEntropyTargets& t)
      : label(t.labels ? t.labels.as<std::int32_t>() : nullptr),
        probability(t.labels ? nullptr : t.probabilities.as<T>()),
        weights(t.weights ? t.weights.as<float>() : nullptr),
        rows(p.rows),
        columns(p.columns),
        ignore_index(p.ignore_index),
        kept(1 - p.label_smoothing),
        smoothed(p.label_smoothing / static_cast<double>(p.columns)) {}

  __device__ bool ignored(std::int64_t i) const { return label && label[i] == ignore_index; }
  __device__ double weight(std::int64_t j) const {
    return weights ? static_cast<double>(weights[j]) : 1;
  }
  /// Whether the row has a target: its label is a class.
  __device__ bool has_target(std::int64_t i) const {
    return !label || (0 <= label[i] && label[i] < columns);
  }
  /// The row's share of `total`, of one that is not ignored.
  __device__ double share(std::int64_t i) const {
    return !has_target(i) ? static_cast<double>(NAN) : label ? weight(label[i]) : 1;
  }
  /// Only the label's own column counts.
  __device__ __host__ bool is_sparse() const { return label && smoothed == 0; }

  /// Whether log_p[i, j] counts; where it does not, k is 0.
  __device__ bool counts(std::int64_t i, std::int64_t j) const {
    return !ignored(i) && (!is_sparse() || j == label[i]);
  }
  /// The contract's k of an element that counts.
  __device__ double k(std::int64_t i, std::int64_t j) const {
    const double q =
        label ? (j == label[i] ? 1 : 0) : static_cast<double>(probability[i * columns + j]);
    return weight(j) * (kept * q + smoothed);
  }
};

// ---- forward ------------------------------------------------------------------------------------

constexpr int kLossThreads = 1024;

struct Sums {
  double loss, total;
};

/// A thread per row where of each row one number counts, else a warp per row.
template <class T>
__global__ void __launch_bounds__(kLossThreads)
    sum_losses(Targets<T> targets, const T* log_p, float* loss, float* total) {
  const int thread = threadIdx.x;
  Sums sums{};
  if (targets.is_sparse()) {
    for (std::int64_t i = thread; i < targets.rows; i += kLossThreads) {
      if (targets.ignored(i)) continue;
      sums.total += targets.share(i);
      if (!targets.has_target(i)) continue;
      const std::int64_t j = targets.label[i];
      sums.loss += targets.k(i, j) * static_cast<double>(log_p[i * targets.columns + j]);
    }
  } else {
    for (std::int64_t i = thread / 32; i < targets.rows; i += kLossThreads / 32) {
      if (targets.ignored(i)) continue;
      for (std::int64_t j = thread % 32; j < targets.columns; j += 32) {
        sums.loss += targets.k(i, j) * static_cast<double>(log_p[i * targets.columns + j]);
      }
      if (thread % 32 == 0) sums.total += targets.share(i);
    }
  }
  sums = block_reduce<kLossThreads>(sums, [](const Sums& a, const Sums& b) {
    return Sums{a.loss + b.loss, a.total + b.total};
  });
  if (thread == 0) {
    *loss = static_cast<float>(-sums.loss / sums.total);
    *total = static_cast<float>(sums.total);
  }
}

void forward(Stream stream, const CrossEntropyProblem& p, const CrossEntropyTargets& targets,
             ConstView log_p, View loss, View total) {
  with_f32_or_bf16("cross_entropy.forward", log_p.dtype, [&]<class T>(T) {
    launch<sum_losses<T>>(1, kLossThreads, 0, native(stream), Targets<T>(p, targets), log_p.as<T>(),
                          loss.as<float>(), total.as<float>());
  });
}

// ---- backward -----------------------------------------------------------------------------------

/// A thread has N neighbours, all of one row.
template <int N, class T, class D>
__global__ void spread_gradient(Targets<T> targets, D columns, std::int64_t count,
                                const float* total, const float* dloss, T* dlog_p) {
  const float share = -*dloss / *total;
  for (std::int64_t p = first_index(); p < count; p += index_step()) {
    const Division at = columns(p);
    float value[N];
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const std::int64_t i = at.quotient, j = at.remainder * N + n;
      value[n] = targets.counts(i, j) ? share * static_cast<float>(targets.k(i, j)) : 0;
    }
    store_floats(dlog_p + p * N, value);
  }
}

template <int N, class T>
void run_backward(Stream stream, const Targets<T>& targets, const float* total, const float* dloss,
                  T* dlog_p) {
  const std::int64_t count = targets.rows * targets.columns / N;
  with_divisor(count, [&]<class D>(D) {
    launch<spread_gradient<N, T, D>>(blocks_for(count), kThreads, 0, native(stream), targets,
                                     D(targets.columns / N), count, total, dloss, dlog_p);
  });
}

void backward(Stream stream, const CrossEntropyProblem& p, const CrossEntropyTargets& target_views,
              ConstView total, ConstView dloss, View dlog_p_view) {
  with_f32_or_bf16("cross_entropy.backward", dlog_p_view.dtype, [&]<class T>(T) {
    const Targets<T> targets(p, target_views);
    T* dlog_p = dlog_p_view.as<T>();
    if (dlog_p_view.size == 0) return;
    if (p.columns % kVectorOf<T> == 0 && is_aligned_for<kVectorOf<T>>(dlog_p)) {
      run_backward<kVectorOf<T>>(stream, targets, total.as<float>(), dloss.as<float>(), dlog_p);
    } else {
      run_backward<1>(stream, targets, total.as<float>(), dloss.as<float>(), dlog_p);
    }
  });
}

}  // namespace

void install_cross_entropy(Backend& b) {
  b.cross_entropy.forward = forward;
  b.cross_entropy.backward = backward;
}

}  // namespace tl::TL_DEVICE_NAMESPACE
