// tile_product: the one inner loop that all matrix products and convolutions of this folder share.
// It multiplies a few rows of A by one panel of B, with the whole result in registers:
//
//   y[i, j] = relu?( bias[j] + addend[i, j] + sum over l of a[i, l] * b[l, j] )
//
// Sizes. A panel is two vectors wide (kPanel columns); a tile has at most kMaxRows rows, so that
// rows * 2 accumulators, the two vectors of B and one broadcast of A fill the register file: 14
// rows on AVX-512 with its 32 registers, 6 with 16 registers. Every step of the sum loads one row
// of the panel and broadcasts one number of A per row of the tile.
//
// B is packed: panel after panel, each [depth][kPanel], columns past the end filled with zeros.
// A comes in one of two forms, told apart by type:
//   DepthMajor16  [depth / 16][rows][16]: what row-wise copying gives, depth padded with zeros
//   Columns       a[i + l * step]: rows lie side by side, as in a transposed matrix; not packed
//
// One sum always runs over l from first to last in one accumulator, so a result does not depend on
// how rows and columns were cut into tiles.
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
#include <utility>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Vec = hn::Vec<FloatTag>;

constexpr std::int64_t kLanes = HWY_LANES(float);
constexpr std::int64_t kPanel = 2 * kLanes;
constexpr int kMaxRows = HWY_TARGET <= HWY_AVX3 ? 14 : 6;
constexpr std::int64_t kDepthBlock = 16;

constexpr std::int64_t round_up(std::int64_t x, std::int64_t step) {
  return (x + step - 1) / step * step;
}
constexpr std::int64_t divide_up(std::int64_t x, std::int64_t y) { return (x + y - 1) / y; }
constexpr std::int64_t panels(std::int64_t columns) { return divide_up(columns, kPanel); }

struct DepthMajor16 {
  const float* data;
  std::int64_t block_step;  // floats from one block of 16 to the next: rows of the buffer * 16
  DepthMajor16 from_row(std::int64_t row) const { return {data + row * kDepthBlock, block_step}; }
};

struct Columns {
  const float* data;
  std::int64_t step;
  Columns from_row(std::int64_t row) const { return {data + row, step}; }
};

/// Where a tile goes and what is done to it on the way. y, addend: rows `step` floats apart.
struct TileOutput {
  float* y = nullptr;
  std::int64_t step = 0;
  const float* bias = nullptr;    // kPanel numbers, or null
  const float* addend = nullptr;  // like y, or null; may be y itself
  bool relu = false;
};

/// max(x, 0) that keeps a NaN, which Max may not.
HWY_INLINE Vec relu(Vec x) { return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(FloatTag())), x); }

/// kRows rows of the accumulators; arrays that the compiler keeps in registers.
template <int kRows>
struct Accumulators {
  Vec left[kRows], right[kRows];
};

template <int kRows, int kRowStep>
HWY_INLINE void multiply_add_step(Accumulators<kRows>& sum, const float* HWY_RESTRICT a,
                                  const float* HWY_RESTRICT b) {
  const FloatTag d;
  const Vec b_left = hn::LoadU(d, b);
  const Vec b_right = hn::LoadU(d, b + kLanes);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const Vec a_i = hn::Set(d, a[i * kRowStep]);
    sum.left[i] = hn::MulAdd(a_i, b_left, sum.left[i]);
    sum.right[i] = hn::MulAdd(a_i, b_right, sum.right[i]);
  }
}

template <int kRows>
HWY_INLINE void multiply_add(Accumulators<kRows>& sum, DepthMajor16 a, const float* b,
                             std::int64_t depth) {
  for (std::int64_t block = 0; block < depth / kDepthBlock; ++block) {
    for (int quarter = 0; quarter < 4; ++quarter) {
#pragma GCC unroll 4
      for (int l = 0; l < 4; ++l) {
        multiply_add_step<kRows, kDepthBlock>(sum, a.data + quarter * 4 + l, b + l * kPanel);
      }
      b += 4 * kPanel;
    }
    a.data += a.block_step;
  }
}

template <int kRows>
HWY_INLINE void multiply_add(Accumulators<kRows>& sum, Columns a, const float* b,
                             std::int64_t depth) {
  for (std::int64_t l = 0; l < depth; ++l) {
    multiply_add_step<kRows, 1>(sum, a.data, b);
    a.data += a.step;
    b += kPanel;
  }
}

template <int kRows>
HWY_INLINE void load_start(Accumulators<kRows>& sum, const TileOutput& out) {
  const FloatTag d;
  const Vec left = out.bias ? hn::LoadU(d, out.bias) : hn::Zero(d);
  const Vec right = out.bias ? hn::LoadU(d, out.bias + kLanes) : hn::Zero(d);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    sum.left[i] = left;
    sum.right[i] = right;
  }
  if (!out.addend) return;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const float* row = out.addend + i * out.step;
    sum.left[i] = hn::Add(sum.left[i], hn::LoadU(d, row));
    sum.right[i] = hn::Add(sum.right[i], hn::LoadU(d, row + kLanes));
  }
}

template <int kRows>
HWY_INLINE void store_result(Accumulators<kRows>& sum, const TileOutput& out) {
  const FloatTag d;
  if (out.relu) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      sum.left[i] = relu(sum.left[i]);
      sum.right[i] = relu(sum.right[i]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    hn::StoreU(sum.left[i], d, out.y + i * out.step);
    hn::StoreU(sum.right[i], d, out.y + i * out.step + kLanes);
  }
}

template <int kRows, class Rows>
HWY_NOINLINE void tile_of_rows(Rows a, const float* b, std::int64_t depth, const TileOutput& out) {
  Accumulators<kRows> sum;
  load_start(sum, out);
  multiply_add(sum, a, b, depth);
  store_result(sum, out);
}

template <class Rows>
using TileFunction = void (*)(Rows, const float*, std::int64_t, const TileOutput&);

template <class Rows, int... kIndex>
constexpr std::array<TileFunction<Rows>, kMaxRows + 1> tile_functions(
    std::integer_sequence<int, kIndex...>) {
  return {nullptr, &tile_of_rows<kIndex + 1, Rows>...};
}

/// One tile of `rows` <= kMaxRows rows and kPanel columns.
template <class Rows>
HWY_INLINE void tile_product(std::int64_t rows, Rows a, const float* b, std::int64_t depth,
                             const TileOutput& out) {
  static constexpr auto kFunctions =
      tile_functions<Rows>(std::make_integer_sequence<int, kMaxRows>{});
  kFunctions[static_cast<std::size_t>(rows)](a, b, depth, out);
}

/// The same by way of a full tile on the stack: where only `columns` of the panel exist, or where
/// row i of y and addend lies at offset row_offset(i) instead of i * out.step.
template <class Rows, class RowOffset>
HWY_INLINE void tile_product_scattered(std::int64_t rows, std::int64_t columns, Rows a,
                                       const float* b, std::int64_t depth, const TileOutput& out,
                                       const RowOffset& row_offset) {
  HWY_ALIGN float tile[kMaxRows * kPanel] = {};
  HWY_ALIGN float bias[kPanel] = {};
  const std::size_t row_bytes = static_cast<std::size_t>(columns) * sizeof(float);
  if (out.bias) std::memcpy(bias, out.bias, row_bytes);
  if (out.addend) {
    for (std::int64_t i = 0; i < rows; ++i) {
      std::memcpy(tile + i * kPanel, out.addend + row_offset(i), row_bytes);
    }
  }
  TileOutput to_tile;
  to_tile.y = tile;
  to_tile.step = kPanel;
  to_tile.bias = bias;
  to_tile.addend = out.addend ? tile : nullptr;
  to_tile.relu = out.relu;
  tile_product(rows, a, b, depth, to_tile);
  for (std::int64_t i = 0; i < rows; ++i) {
    std::memcpy(out.y + row_offset(i), tile + i * kPanel, row_bytes);
  }
}

/// One tile of `columns` <= kPanel columns, rows out.step apart.
template <class Rows>
HWY_INLINE void multiply_tile(std::int64_t rows, std::int64_t columns, Rows a, const float* b,
                              std::int64_t depth, const TileOutput& out) {
  if (columns == kPanel) return tile_product(rows, a, b, depth, out);
  tile_product_scattered(rows, columns, a, b, depth, out,
                         [&](std::int64_t i) { return i * out.step; });
}

/// Calls f(first, rows) for a cut of `rows` rows into tiles that differ by at most one row: no tile
/// is left almost empty.
template <class F>
HWY_INLINE void for_each_tile(std::int64_t rows, const F& f) {
  const std::int64_t tiles = divide_up(rows, kMaxRows);
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t first = rows * tile / tiles;
    f(first, rows * (tile + 1) / tiles - first);
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
