// transpose_4x4: the step in registers that transpositions of larger blocks are made of.
#if defined(TL_CPU_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_TRANSPOSE_INL_H_
#undef TL_CPU_TRANSPOSE_INL_H_
#else
#define TL_CPU_TRANSPOSE_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// y[j * y_step + i] = x[i * x_step + j] for i, j < 4: elements of 4 bytes.
template <class T>
HWY_INLINE void transpose_4x4(const T* x, std::int64_t x_step, T* y, std::int64_t y_step) {
#if HWY_TARGET == HWY_SCALAR
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) y[j * y_step + i] = x[i * x_step + j];
  }
#else
  const hn::Full128<T> d;
  const hn::Repartition<std::uint64_t, decltype(d)> pairs;
  const auto x0 = hn::LoadU(d, x), x1 = hn::LoadU(d, x + x_step);
  const auto x2 = hn::LoadU(d, x + 2 * x_step), x3 = hn::LoadU(d, x + 3 * x_step);
  // Elements of two rows in turn, then pairs from two such rows in turn.
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, x0, x1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, x2, x3));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, x0, x1));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, x2, x3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, y);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, y + y_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, y + 2 * y_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, y + 3 * y_step);
#endif
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
