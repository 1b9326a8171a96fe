// Packing into the two forms that the microkernel reads (microkernel-inl.h):
//   panels of B        [columns / kPanel][depth][kPanel]
//   DepthMajor16 of A  [depth / 16][rows][16]
// Both are padded with zeros, to a whole panel and to a whole block of depth.
#if defined(TL_CPU_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_PACK_INL_H_
#undef TL_CPU_PACK_INL_H_
#else
#define TL_CPU_PACK_INL_H_
#endif

#include "kernels/cpu/microkernel-inl.h"
#include "kernels/cpu/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// Floats from one block of a DepthMajor16 buffer to the next: an odd number of cache lines, so
/// that the blocks of one row do not compete for the same sets of the cache.
constexpr std::int64_t depth_block_step(std::int64_t rows) { return (rows | 1) * kDepthBlock; }

inline void copy_floats(const float* from, float* to, std::int64_t size) {
  std::memcpy(to, from, static_cast<std::size_t>(size) * sizeof(float));
}
inline void zero_floats(float* to, std::int64_t size) {
  std::memset(to, 0, static_cast<std::size_t>(size) * sizeof(float));
}

/// Asks for rows of B that are packed a little later: `floats` of them from `from` on. They lie too
/// far apart for the processor to see what comes next.
inline void fetch_row(const float* from, std::int64_t floats) {
  for (std::int64_t i = 0; i < floats; i += kLineFloats) __builtin_prefetch(from + i, 0, 3);
}

/// One panel from B stored [depth][columns], rows `step` apart; `columns` <= kPanel of it exist.
/// Writes padded_depth rows.
inline void pack_panel(const float* b, std::int64_t step, std::int64_t depth, std::int64_t columns,
                       std::int64_t padded_depth, float* panel) {
  const FloatTag d;
  for (std::int64_t l = 0; l < depth; ++l) {
    const float* row = b + l * step;
    float* to = panel + l * kPanel;
    fetch_row(row + kDepthBlock * step, kPanel);
    if (columns == kPanel) {
      hn::StoreU(hn::LoadU(d, row), d, to);
      hn::StoreU(hn::LoadU(d, row + kLanes), d, to + kLanes);
    } else {
      copy_floats(row, to, columns);
      zero_floats(to + columns, kPanel - columns);
    }
  }
  zero_floats(panel + depth * kPanel, (padded_depth - depth) * kPanel);
}

/// One panel from B stored transposed, [columns][depth], rows `step` apart.
inline void pack_panel_transposed(const float* b, std::int64_t step, std::int64_t depth,
                                  std::int64_t columns, std::int64_t padded_depth, float* panel) {
  if (columns < kPanel || depth < padded_depth) zero_floats(panel, padded_depth * kPanel);
  // Blocks of 16 keep both sides of the transposition within the first-level cache.
  for (std::int64_t l0 = 0; l0 < depth; l0 += kDepthBlock) {
    const std::int64_t l1 = std::min(depth, l0 + kDepthBlock);
    const std::int64_t whole = l1 - l0 < kDepthBlock ? 0 : columns / 4 * 4;
    for (std::int64_t j = 0; j < whole; j += 4) {
      const float* from = b + j * step + l0;
      for (int i = 0; i < 4; ++i) fetch_row(from + i * step + 2 * kDepthBlock, kDepthBlock);
      for (std::int64_t l = 0; l < kDepthBlock; l += 4) {
        transpose_4x4(from + l, step, panel + (l0 + l) * kPanel + j, kPanel);
      }
    }
    for (std::int64_t j = whole; j < columns; ++j) {
      for (std::int64_t l = l0; l < l1; ++l) panel[l * kPanel + j] = b[j * step + l];
    }
  }
}

/// Copies kBlock consecutive floats, a multiple of the vector size.
template <std::int64_t kBlock>
HWY_INLINE void copy_block(const float* HWY_RESTRICT from, float* HWY_RESTRICT to) {
  const FloatTag d;
#pragma GCC unroll 4
  for (std::int64_t i = 0; i < kBlock; i += kLanes) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
}

template <std::int64_t kBlock>
HWY_INLINE void zero_block(float* to) {
  const FloatTag d;
#pragma GCC unroll 4
  for (std::int64_t i = 0; i < kBlock; i += kLanes) hn::StoreU(hn::Zero(d), d, to + i);
}

/// `depth` consecutive floats into blocks of kBlock, block_step floats apart; the last is padded
/// with zeros.
template <std::int64_t kBlock>
inline void pack_row(const float* a, std::int64_t depth, std::int64_t block_step, float* to) {
  std::int64_t l = 0;
  for (; l + kBlock <= depth; l += kBlock, to += block_step) copy_block<kBlock>(a + l, to);
  if (l < depth) {
    copy_floats(a + l, to, depth - l);
    zero_floats(to + depth - l, kBlock - (depth - l));
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
