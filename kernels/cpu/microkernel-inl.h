// panel_product: the one inner loop that all matrix products and convolutions of this folder share.
// It multiplies rows of A by one panel of B, with a tile of the result at a time in registers:
//
//   y[i, j] = relu?( bias[j] + addend[i, j] + sum over l of a[i, l] * b[l, j] )
//
// Sizes. A panel is two vectors wide (kPanel columns); a tile has at most kMaxRows rows, so that
// rows * 2 accumulators, the two vectors of B and one broadcast of A fill the register file: 14
// rows on AVX-512 with its 32 registers, 6 with 16 registers. Every step of the sum loads one row
// of the panel and broadcasts one number of A per row of the tile.
//
// B is packed: panel after panel, each [depth][kPanel], columns past the end filled with zeros.
// A comes in one of three forms, told apart by type:
//   DepthMajor16  [depth / 16][rows][16]: what row-wise copying gives, depth padded with zeros
//   RowMajor      a[i * step + l]: not packed; not for a step of whole pages (is_row_major_step)
//   Columns       a[i + l * step]: rows lie side by side, as in a transposed matrix; not packed
//
// This header cuts the work into tiles and blocks; the loop over one block is in microkernel.cpp.
//
// Order. Up to kGroupTiles tiles go through a block of kSumBlock steps, then through the next:
// so that a block of the panel is read from memory by the first and from the nearest cache by the
// others.
//
// Memory. While the processor multiplies, each tile fetches its share of the block of the panel
// that comes next, or of what the caller says is Upcoming, and the place of the result after its
// own (Ahead). By itself the processor looks ahead only within a page of 4 KB, and fourteen rows at
// once are more than it follows.
//
// Rounding. Products are summed in blocks of kSumBlock, the blocks one after the other, always from
// first to last: a result does not depend on how rows and columns were cut into tiles. Every step
// of a sum rounds by the size of the sum so far, so short blocks from zero lose less than one
// chain: 2 times less for 512 products after Winograd's transforms, 5 times for 3x3 of 512
// channels.
//
// Compiled once per instruction set by each file that includes it (hwy/foreach_target.h).
#if defined(TL_CPU_MICROKERNEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_MICROKERNEL_INL_H_
#undef TL_CPU_MICROKERNEL_INL_H_
#else
#define TL_CPU_MICROKERNEL_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/cpu/upcoming.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Vec = hn::Vec<FloatTag>;

constexpr std::int64_t kLanes = HWY_LANES(float);
constexpr std::int64_t kPanel = 2 * kLanes;
constexpr int kMaxRows = HWY_TARGET <= HWY_AVX3 ? 14 : 6;
constexpr std::int64_t kDepthBlock = 16;
constexpr std::int64_t kSumBlock = 128;  // a multiple of kDepthBlock

constexpr std::int64_t round_up(std::int64_t x, std::int64_t step) {
  return (x + step - 1) / step * step;
}
constexpr std::int64_t divide_up(std::int64_t x, std::int64_t y) { return (x + y - 1) / y; }
constexpr std::int64_t panels(std::int64_t columns) { return divide_up(columns, kPanel); }

struct DepthMajor16 {
  const float* data;
  std::int64_t block_step;  // floats from one block of 16 to the next: rows of the buffer * 16
  DepthMajor16 from_row(std::int64_t row) const { return {data + row * kDepthBlock, block_step}; }
  DepthMajor16 from_depth(std::int64_t l) const {
    return {data + l / kDepthBlock * block_step, block_step};
  }
};

struct RowMajor {
  const float* data;
  std::int64_t step;
  RowMajor from_row(std::int64_t row) const { return {data + row * step, step}; }
  RowMajor from_depth(std::int64_t l) const { return {data + l, step}; }
};

/// Rows whole pages apart fall into the same few places of the first-level cache, which is too
/// small then for the lines of all rows of a tile.
constexpr bool is_row_major_step(std::int64_t step) { return step % 1024 != 0; }

struct Columns {
  const float* data;
  std::int64_t step;
  Columns from_row(std::int64_t row) const { return {data + row, step}; }
  Columns from_depth(std::int64_t l) const { return {data + l * step, step}; }
};

/// How a tile is stored.
enum class Store {
  kNear,     // y is in a near cache
  kFetched,  // it is not: each tile is asked for while the one before it is computed
  kStreamed  // past the caches (streaming.h)
};

/// Where a tile goes and what is done to it on the way. y, addend: rows `step` floats apart.
struct TileOutput {
  float* y = nullptr;
  std::int64_t step = 0;
  const float* bias = nullptr;    // kPanel numbers, or null
  const float* addend = nullptr;  // like y, or null; may be y itself
  bool relu = false;
  Store store = Store::kNear;

  TileOutput at(std::int64_t offset) const {
    TileOutput out = *this;
    out.y += offset;
    if (addend) out.addend += offset;
    return out;
  }
  TileOutput from_row(std::int64_t row) const { return at(row * step); }
  /// The panel after this one.
  TileOutput right() const {
    TileOutput out = at(kPanel);
    if (out.bias) out.bias += kPanel;
    return out;
  }
};

/// max(x, 0) that keeps a NaN.
HWY_INLINE Vec relu(Vec x) {
  const Vec zero = hn::Zero(FloatTag());
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR
  return hn::Max(zero, x);  // the instruction returns its second operand where one is a NaN
#else
  return hn::IfThenZeroElse(hn::Lt(x, zero), x);  // Max may not keep it
#endif
}

/// Calls f(first, rows) for a cut of `rows` rows into tiles that differ by at most one row: no tile
/// is left almost empty.
template <class F>
HWY_INLINE void for_each_tile(std::int64_t rows, const F& f) {
  const std::int64_t tiles = divide_up(rows, kMaxRows);
  const std::int64_t least = tiles > 0 ? rows / tiles : 0, longer = rows - tiles * least;
  std::int64_t first = 0;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t count = least + (tile < longer ? 1 : 0);
    f(first, count);
    first += count;
  }
}

/// What is fetched while a block of the sum is computed, in every kAheadSteps steps: so many lines,
/// at least kLeastLines, `step` floats further each time, and one row of the next tile of y. No
/// more, or what is needed now would have to wait for them. Where there is nothing to read any
/// more, it does no harm.
constexpr std::int64_t kAheadSteps = 4;
constexpr std::int64_t kLeastLines = 2;
struct Ahead {
  const float* from;
  std::int64_t lines, step;
  const float* row;  // or null
  std::int64_t row_step;
};

/// The products of one block of at most kSumBlock steps, on top of `so_far` ([rows][kPanel], or
/// null), then what `out` says.
///
/// `ahead` by reference: what has just been stored in pieces must not be copied as a whole, because
/// a wide load waits until the stores are in the cache, and so for all products before them.
template <class Rows>
using BlockFunction = void (*)(Rows a, const float* b, std::int64_t depth, const float* so_far,
                               const Ahead& ahead, const TileOutput& out);

/// For 1, 2, ... kMaxRows rows; defined in microkernel.cpp.
extern const std::array<BlockFunction<DepthMajor16>, kMaxRows> kDepthMajorBlocks;
extern const std::array<BlockFunction<RowMajor>, kMaxRows> kRowMajorBlocks;
extern const std::array<BlockFunction<Columns>, kMaxRows> kColumnBlocks;

template <class Rows>
HWY_INLINE BlockFunction<Rows> block_function(std::int64_t rows) {
  const auto i = static_cast<std::size_t>(rows - 1);
  if constexpr (std::is_same_v<Rows, DepthMajor16>) return kDepthMajorBlocks[i];
  if constexpr (std::is_same_v<Rows, RowMajor>) return kRowMajorBlocks[i];
  if constexpr (std::is_same_v<Rows, Columns>) return kColumnBlocks[i];
}

constexpr std::int64_t kGroupTiles = 4;

/// `rows` <= kGroupTiles * kMaxRows rows, all kPanel columns, on top of `before` ([rows][kPanel],
/// or null). next_y: where the first tile goes that is computed afterwards.
template <class Rows>
HWY_INLINE void group_product(std::int64_t rows, Rows a, const float* b, std::int64_t depth,
                              const float* before, const TileOutput& out, const float* next_y,
                              Upcoming& upcoming) {
  HWY_ALIGN float so_far[kGroupTiles * kMaxRows * kPanel];
  constexpr std::int64_t kPanelLines = divide_up(kAheadSteps * kPanel, kLineFloats);
  const std::int64_t panel_lines =
      std::max(kLeastLines, divide_up(kPanelLines, divide_up(rows, kMaxRows)));
  std::int64_t l = 0;
  for (bool is_last = false; !is_last; l += kSumBlock) {
    is_last = l + kSumBlock >= depth;
    const std::int64_t length = is_last ? depth - l : kSumBlock;
    const std::int64_t turns = divide_up(length, kAheadSteps);
    const float* panel_from = b + (l + length) * kPanel;
    for_each_tile(rows, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
      float* const sums = so_far + first * kPanel;
      const float* const on = l > 0 ? sums : before ? before + first * kPanel : nullptr;
      const TileOutput to = is_last ? out.from_row(first) : TileOutput{.y = sums, .step = kPanel};
      Ahead ahead{panel_from, panel_lines, panel_lines * kLineFloats, nullptr, out.step};
      if (upcoming.is_left()) {
        const UpcomingRows& now = upcoming.now();
        ahead.lines = now.lines;
        ahead.step = now.step;
        ahead.from = upcoming.take(turns);
      } else {
        panel_from += turns * panel_lines * kLineFloats;
      }
      if (to.store == Store::kFetched) {
        ahead.row = first + count < rows ? to.y + count * out.step : next_y;
      }
      block_function<Rows>(count)(a.from_row(first).from_depth(l), b + l * kPanel, length, on,
                                  ahead, to);
    });
  }
}

/// Any number of rows, out.step floats apart in y and addend; all kPanel columns. For DepthMajor16,
/// depth is a multiple of 16.
template <class Rows>
HWY_INLINE void panel_product(std::int64_t rows, Rows a, const float* b, std::int64_t depth,
                              const TileOutput& out, Upcoming& upcoming) {
  const std::int64_t groups = divide_up(rows, kGroupTiles * kMaxRows);
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t first = rows * group / groups, end = rows * (group + 1) / groups;
    const float* next_y = end < rows ? out.y + end * out.step : out.y + kPanel;
    group_product(end - first, a.from_row(first), b, depth, nullptr, out.from_row(first), next_y,
                  upcoming);
  }
}

template <class Rows>
HWY_INLINE void panel_product(std::int64_t rows, Rows a, const float* b, std::int64_t depth,
                              const TileOutput& out) {
  Upcoming nothing;
  panel_product(rows, a, b, depth, out, nothing);
}

/// The same by way of tiles on the stack: where only `columns` of the panel exist, or where row i
/// of y and addend lies at offset row_offset(i) instead of i * out.step.
template <class Rows, class RowOffset>
HWY_INLINE void panel_product_scattered(std::int64_t rows, std::int64_t columns, Rows a,
                                        const float* b, std::int64_t depth, const TileOutput& out,
                                        Upcoming& upcoming, const RowOffset& row_offset) {
  HWY_ALIGN float tile[kMaxRows * kPanel] = {};
  HWY_ALIGN float bias[kPanel] = {};
  const std::size_t row_bytes = static_cast<std::size_t>(columns) * sizeof(float);
  if (out.bias) std::memcpy(bias, out.bias, row_bytes);
  TileOutput to_tile;
  to_tile.y = tile;
  to_tile.step = kPanel;
  to_tile.bias = bias;
  to_tile.addend = out.addend ? tile : nullptr;
  to_tile.relu = out.relu;
  for_each_tile(rows, [&](std::int64_t first, std::int64_t count) HWY_ATTR {
    if (out.addend) {
      for (std::int64_t i = 0; i < count; ++i) {
        std::memcpy(tile + i * kPanel, out.addend + row_offset(first + i), row_bytes);
      }
    }
    panel_product(count, a.from_row(first), b, depth, to_tile, upcoming);
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(out.y + row_offset(first + i), tile + i * kPanel, row_bytes);
    }
  });
}

/// The first `columns` <= kPanel columns, rows out.step apart.
template <class Rows>
HWY_INLINE void panel_product(std::int64_t rows, std::int64_t columns, Rows a, const float* b,
                              std::int64_t depth, const TileOutput& out, Upcoming& upcoming) {
  if (columns == kPanel) return panel_product(rows, a, b, depth, out, upcoming);
  panel_product_scattered(rows, columns, a, b, depth, out, upcoming,
                          [&](std::int64_t i) { return i * out.step; });
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
