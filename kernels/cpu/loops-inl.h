// Vector loops that the kernels of this folder share. A body is called as body(d, i): it handles
// the elements i to i + Lanes(d) - 1 by vectors of tag d. Whole vectors come first; what remains is
// done one element at a time by the same body with a tag of one lane, so nothing is read or written
// past the end, and every element is computed by the same operations wherever it lies.
//
// Compiled once per instruction set by each file that includes it (hwy/foreach_target.h).
#if defined(TL_CPU_LOOPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_LOOPS_INL_H_
#undef TL_CPU_LOOPS_INL_H_
#else
#define TL_CPU_LOOPS_INL_H_
#endif

#include <array>
#include <cstdint>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/cpu/ranges.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T = float, class Body>
HWY_INLINE void for_each_vector(Range range, const Body& body) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = range.begin;
  for (; i + lanes <= range.end; i += lanes) body(d, i);
  for (; i < range.end; ++i) body(one, i);
}

/// The same on all threads, chunk by chunk.
template <class Body>
void parallel_vectors(std::int64_t size, const Body& body) {
  parallel_ranges(size, kChunk, [&](Range range) { for_each_vector(range, body); });
}

/// Sum over [0, size) of term(d, i).
template <class Term>
HWY_INLINE float sum_of(std::int64_t size, const Term& term) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto vector_sum = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= size; i += lanes) vector_sum = hn::Add(vector_sum, term(d, i));
  float sum = hn::GetLane(hn::SumOfLanes(d, vector_sum));
  for (; i < size; ++i) sum += hn::GetLane(term(one, i));
  return sum;
}

/// sums[k][column] = sum over `rows` of a [rows, columns] matrix of term k, for kSums terms.
/// term(d, index, column) returns a std::array of kSums vectors for the elements at `index`, which
/// lie in the columns from `column` on. The sums of a few vectors of columns stay in registers
/// while the rows go by.
template <std::size_t kSums, class Term>
HWY_INLINE void sum_columns(Range rows, std::int64_t columns, const Term& term,
                            const std::array<float*, kSums>& sums) {
  const auto block = [&]<class D, std::size_t kVectors>(
                         D d, std::integral_constant<std::size_t, kVectors>, std::int64_t column) {
    const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
    hn::Vec<D> sum[kVectors][kSums];
    for (auto& of_vector : sum) {
      for (auto& s : of_vector) s = hn::Zero(d);
    }
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        const std::int64_t c = column + static_cast<std::int64_t>(v) * lanes;
        const auto terms = term(d, row * columns + c, c);
        for (std::size_t k = 0; k < kSums; ++k) sum[v][k] = hn::Add(sum[v][k], terms[k]);
      }
    }
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::int64_t c = column + static_cast<std::int64_t>(v) * lanes;
      for (std::size_t k = 0; k < kSums; ++k) hn::StoreU(sum[v][k], d, sums[k] + c);
    }
  };
  const hn::ScalableTag<float> d;
  const std::int64_t four = 4 * static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t column = 0;
  for (; column + four <= columns; column += four) {
    block(d, std::integral_constant<std::size_t, 4>{}, column);
  }
  for_each_vector({column, columns}, [&](auto tag, std::int64_t c) {
    block(tag, std::integral_constant<std::size_t, 1>{}, c);
  });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
