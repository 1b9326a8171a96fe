// What softmax and log_softmax share: the largest element of a row, and rows in chunks. Included
// once per instruction set.
#if defined(TL_CPU_SOFTMAX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_SOFTMAX_INL_H_
#undef TL_CPU_SOFTMAX_INL_H_
#else
#define TL_CPU_SOFTMAX_INL_H_
#endif

#include <algorithm>
#include <limits>

#include "kernels/cpu/loops-inl.h"
#include "kernels/cpu/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// The largest of `size` floats; of a row with a NaN, a NaN or the largest of some others.
inline float max_of(const float* x, std::int64_t size) {
  const hn::ScalableTag<float> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto vector_max = hn::Set(d, -std::numeric_limits<float>::infinity());
  std::int64_t i = 0;
  for (; i + lanes <= size; i += lanes) vector_max = hn::Max(vector_max, hn::LoadU(d, x + i));
  float max = hn::GetLane(hn::MaxOfLanes(d, vector_max));
  for (; i < size; ++i) max = std::max(max, x[i]);
  return max;
}

/// Calls f(first element) for every row, on all threads.
template <class F>
void for_each_row(std::int64_t rows, std::int64_t columns, const F& f) {
  parallel_ranges(rows, rows_per_chunk(columns), [=](Range chunk) {
    for (std::int64_t i = chunk.begin; i < chunk.end; ++i) f(i * columns);
  });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
