// What the two halves of batch_norm "chunked" share of their loops: all elements row by row, and
// the norm itself, which backward makes again to the bit.
//
// Compiled once per instruction set by each file that includes it (hwy/foreach_target.h).
#if defined(TL_CPU_BATCH_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_BATCH_NORM_INL_H_
#undef TL_CPU_BATCH_NORM_INL_H_
#else
#define TL_CPU_BATCH_NORM_INL_H_
#endif

#include "hwy/cache_control.h"
#include "kernels/cpu/batch_norm_plan.h"
#include "kernels/cpu/loops-inl.h"
#include "kernels/cpu/streaming.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace batch_norm {

/// Calls body(d, index, channel) for all of x, row after row.
template <class Body>
void for_each_element(const BatchNormProblem& p, const Body& body) {
  parallel_ranges(p.rows, rows_per_chunk(p.channels), [&](Range rows) {
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t first = row * p.channels;
      for_each_vector({0, p.channels}, [&](auto d, std::int64_t c) { body(d, first + c, c); });
    }
    hwy::FlushStream();
  });
}

/// What for_each_element writes, like x.
struct Result {
  float* to;  // nullptr: not wanted
  bool streams;

  Result(const BatchNormProblem& p, float* result) : to(result) {
    const std::int64_t row_bytes = p.channels * static_cast<std::int64_t>(sizeof(float));
    streams = is_streamed(to, row_bytes, p.rows * row_bytes);
  }

  template <class D>
  void set(D d, std::int64_t i, hn::Vec<D> value) const {
    if (streams) {
      hn::Stream(value, d, to + i);
    } else {
      hn::StoreU(value, d, to + i);
    }
  }
};

/// Asks for what a sum down the columns of a chunk reads as it does the same of the chunk that its
/// thread is likely to take next: where rows are pages apart, the processor foresees nothing.
class NextChunk {
 public:
  explicit NextChunk(const BatchNormProblem& p)
      : distance_(thread_count() * batch_norm_chunk_rows(p) * p.channels) {}
  void fetch(const float* here) const { __builtin_prefetch(here + distance_, 0, 2); }

 private:
  std::int64_t distance_;
};

/// factor * (x - mean) + beta. Subtracting first keeps the digits of a mean far from 0.
struct Normalise {
  const float* x;
  const float* mean;
  const float* factor;
  const float* beta;

  template <class D>
  hn::Vec<D> operator()(D d, std::int64_t i, std::int64_t c) const {
    const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, mean + c));
    return hn::MulAdd(hn::LoadU(d, factor + c), centred, hn::LoadU(d, beta + c));
  }
};

/// value, or 0 where y <= 0. A NaN in y stops nothing.
template <class V>
V unless_stopped(V y, V value) {
  const hn::DFromV<V> d;
  return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), value);
}

}  // namespace batch_norm
}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
