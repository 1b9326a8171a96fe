// unit_product: products on the matrix unit (amx.h), in the same terms as panel_product.
//
//   for a block of panels of B, in pieces in the second-level cache
//     for 32 rows of A and kSumBlock of their depth, in pieces in the first-level cache
//       for each panel: add 32 x 32 sums up
//     then bias, addend and ReLU, row by row
//
// So either factor is cut into pieces once for many blocks of the other, and rows of A are cut
// where they lie. What 32 rows later will be needed of A, y and addend is fetched meanwhile.
#if defined(TL_CPU_AMX_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_AMX_PRODUCT_INL_H_
#undef TL_CPU_AMX_PRODUCT_INL_H_
#else
#define TL_CPU_AMX_PRODUCT_INL_H_
#endif

#include <array>

#include "hwy/cache_control.h"
#include "kernels/cpu/bf16_pieces-inl.h"
#include "kernels/cpu/blocking.h"
#include "kernels/parallel_for.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// Whether this instruction set is the one beside which processors have the unit: its panels are 32
/// columns wide.
constexpr bool kHasMatrixUnit = HWY_TARGET == HWY_AVX3 && HWY_ARCH_X86_64;
inline bool matrix_unit_is_on() { return kHasMatrixUnit && amx::is_on(); }

/// Blocks of depth, nearly equal ones: sums begin anew with each, so they depend on depth alone.
constexpr std::int64_t unit_depth(std::int64_t depth) {
  constexpr std::int64_t kMost = 768;
  const std::int64_t blocks = std::max<std::int64_t>(1, divide_up(depth, kMost));
  return std::min(depth, round_up(divide_up(depth, blocks), kSumBlock));
}

/// Blocks whose pieces are kept in the second-level cache: 1 MB.
constexpr std::int64_t kUnitBlocks = (1 << 20) / (amx::kBlockNumbers * 2);

/// Whether it is better to keep rows of A in pieces, and to cut panels of B as they come.
constexpr bool panels_stream(std::int64_t row_blocks, std::int64_t some, std::int64_t depth) {
  return row_blocks * divide_up(unit_depth(depth), amx::kBlock) <= kUnitBlocks &&
         3 * row_blocks <= 7 * some;
}

/// Panels whose pieces are kept at once, of a product of this depth: 1 MB at most.
constexpr std::int64_t kUnitPanels = 32;
constexpr std::int64_t unit_panels(std::int64_t depth, std::int64_t all) {
  const std::int64_t depth_blocks = divide_up(unit_depth(depth), amx::kBlock);
  const std::int64_t most =
      std::min(kUnitPanels, kUnitBlocks / std::max<std::int64_t>(1, depth_blocks));
  return divide_up(all, std::max<std::int64_t>(1, divide_up(all, most)));
}

/// A cut into chunks for the threads in force. Each cuts its rows and its panels of B into pieces,
/// which takes about as long as a product with one panel or with 32 rows; few large chunks do that
/// less often, many small ones finish at the same time.
inline ChunkGrid unit_grid(std::int64_t row_blocks, std::int64_t all_panels) {
  const std::int64_t threads = thread_count();
  if (threads == 1) return {};
  ChunkGrid best;
  double least = 1e300;
  for (std::int64_t rounds = 1; rounds <= 4; ++rounds) {
    const std::int64_t chunks = rounds * threads;
    for (std::int64_t row_parts = 1; row_parts <= std::min(chunks, row_blocks); ++row_parts) {
      const std::int64_t panel_parts = std::min(all_panels, divide_up(chunks, row_parts));
      const std::int64_t rows = divide_up(row_blocks, row_parts);
      const std::int64_t some = divide_up(all_panels, panel_parts);
      const double cost = static_cast<double>(rows * some + rows + some) *
                          (static_cast<double>(divide_up(row_parts * panel_parts, threads)) + 0.3);
      if (cost >= least) continue;
      least = cost;
      best = {row_parts, panel_parts};
    }
  }
  return best;
}

/// What one thread needs for `some` panels of depth `depth`: pieces of B, and sums.
struct UnitScratch {
  std::uint16_t* pieces;
  float* sums;

  UnitScratch(float* buffer, std::int64_t some, std::int64_t depth)
      : pieces(reinterpret_cast<std::uint16_t*>(buffer)),
        sums(buffer + pieces_floats(some, depth)) {}

  static constexpr std::int64_t pieces_floats(std::int64_t some, std::int64_t depth) {
    return some * divide_up(depth, amx::kBlock) * amx::kBlockNumbers / 2;
  }
  static constexpr std::int64_t floats(std::int64_t some, std::int64_t depth) {
    return pieces_floats(some, depth) + 2 * some * amx::kBlock * kPanel;
  }
};

/// Row `i` of the sums of some panels, with what `out` says, to the first `columns` of y.
HWY_INLINE void store_unit_row(const float* sums, std::int64_t columns, const TileOutput& out,
                               std::int64_t offset) {
  const FloatTag d;
  float* y = out.y + offset;
  const float* from = out.addend ? out.addend + offset : nullptr;
  const auto finish = [&](std::int64_t j, const float* bias, const float* addend) HWY_ATTR {
    Vec x = hn::LoadU(d, sums + j);
    if (bias) x = hn::Add(x, hn::LoadU(d, bias + j));
    if (addend) x = hn::Add(x, hn::LoadU(d, addend + j));
    return out.relu ? relu(x) : x;
  };
  std::int64_t j = 0;
  for (; j + kPanel <= columns; j += kPanel, sums += amx::kBlock * kPanel) {
    const float* bias = out.bias ? out.bias + j : nullptr;
    const float* addend = from ? from + j : nullptr;
    for (std::int64_t i = 0; i < kPanel; i += kLanes) {
      const Vec x = finish(i, bias, addend);
      out.store == Store::kStreamed ? hn::Stream(x, d, y + j + i) : hn::StoreU(x, d, y + j + i);
    }
  }
  if (j == columns) return;
  HWY_ALIGN float bias[kPanel] = {}, addend[kPanel] = {}, last[kPanel];
  if (out.bias) copy_floats(out.bias + j, bias, columns - j);
  if (from) copy_floats(from + j, addend, columns - j);
  for (std::int64_t i = 0; i < kPanel; i += kLanes) {
    hn::Store(finish(i, out.bias ? bias : nullptr, from ? addend : nullptr), d, last + i);
  }
  copy_floats(last, y + j, columns - j);
}

/// So that all is fetched in so many turns.
inline amx::Soon spread(amx::Soon soon, std::int64_t turns) {
  soon.lines = divide_up(soon.rows * soon.row_lines, turns);
  return soon;
}

/// What will be needed after a product.
using Then = std::array<amx::Soon, 2>;

/// Rows of 32 and where they go.
struct UnitRows {
  std::int64_t first = 0, count = 0;
  std::int64_t offsets[amx::kBlock];  // in y and addend
  float* sums = nullptr;
};

/// `rows` rows times the panels in scratch.pieces, which have `columns` columns and are `depth`
/// deep. `out` is for the first column. `then`: what is fetched besides, until all is done.
///   split(row, count, l, length, to)   puts that part of A into `to` (split_rows)
///   soon(row, count)                   says where rows of A lie, to be fetched
///   offset(row)                        of a row in y
template <class Split, class SoonOf, class OffsetOf>
HWY_INLINE void unit_product(std::int64_t rows, std::int64_t columns, std::int64_t depth,
                             const TileOutput& out, const UnitScratch& scratch, Then then,
                             const Split& split, const SoonOf& soon_of, const OffsetOf& offset_of) {
  alignas(64) std::uint16_t a[kSumBlock / amx::kBlock * amx::kBlockNumbers];
  const std::int64_t some = panels(columns);
  const std::int64_t depth_blocks = divide_up(depth, amx::kBlock);
  const std::int64_t products = some * std::max<std::int64_t>(1, depth_blocks) * amx::kProducts;
  const std::int64_t multiplies = some * std::max<std::int64_t>(1, divide_up(depth, kSumBlock));
  UnitRows buffers[3];
  UnitRows *before = &buffers[0], *now = &buffers[1], *next = &buffers[2];
  const auto set = [&](UnitRows& some_rows, std::int64_t first) {
    some_rows.first = first;
    some_rows.count = std::clamp<std::int64_t>(rows - first, 0, amx::kBlock);
    for (std::int64_t i = 0; i < some_rows.count; ++i) some_rows.offsets[i] = offset_of(first + i);
  };
  const auto store = [&](const UnitRows& of, std::int64_t begin, std::int64_t end) HWY_ATTR {
    for (std::int64_t i = begin; i < std::min(end, of.count); ++i) {
      store_unit_row(of.sums + i * kPanel, columns, out, of.offsets[i]);
    }
  };
  now->sums = scratch.sums;
  before->sums = scratch.sums + some * amx::kBlock * kPanel;
  set(*now, 0);
  for (amx::Soon& it : then) it = spread(it, products * divide_up(rows, amx::kBlock));
  const amx::Tiles tiles;
  while (now->count > 0) {
    set(*next, now->first + amx::kBlock);
    amx::Meanwhile meanwhile;
    auto& soon = meanwhile.soon;
    if (next->count > 0) {
      const std::int64_t lines = some * kPanel / kLineFloats;
      soon[0] = soon_of(next->first, next->count);
      if (out.store == Store::kFetched) soon[1] = {out.y, next->count, lines, 0, next->offsets};
      if (out.addend && out.addend != out.y) {
        soon[2] = {out.addend, next->count, lines, 0, next->offsets};
      }
      for (amx::Soon& it : soon) it = spread(it, products);
    }
    std::copy(then.begin(), then.end(), soon + 3);
    std::int64_t stored = 0, multiplied = 0;
    for (std::int64_t l = 0; l == 0 || l < depth; l += kSumBlock) {
      const std::int64_t length = std::min(kSumBlock, depth - l);
      split(now->first, now->count, l, length, a);
      const std::uint16_t* b = scratch.pieces + l / amx::kBlock * amx::kBlockNumbers;
      for (std::int64_t panel = 0; panel < some; ++panel) {
        amx::multiply(now->count, a, b, divide_up(length, amx::kBlock), l == 0,
                      now->sums + panel * amx::kBlock * kPanel, meanwhile);
        b += depth_blocks * amx::kBlockNumbers;
        // The rows before are stored while the unit works.
        const std::int64_t end = amx::kBlock * ++multiplied / multiplies;
        store(*before, stored, end);
        stored = end;
      }
    }
    std::copy(soon + 3, soon + 5, then.begin());
    next->sums = before->sums;
    UnitRows* const done = before;
    before = now;
    now = next;
    next = done;
  }
  store(*before, 0, before->count);
}

/// Rows of A in pieces: blocks of depth of 32 rows, then those of the next 32.
struct UnitRowPieces {
  std::int64_t rows, depth_blocks;
  std::uint16_t* data = nullptr;

  static std::int64_t floats(std::int64_t rows, std::int64_t depth) {
    return divide_up(rows, amx::kBlock) * divide_up(depth, amx::kBlock) * amx::kBlockNumbers / 2;
  }
  std::uint16_t* at(std::int64_t row, std::int64_t l) const {
    return data + (row / amx::kBlock * depth_blocks + l / amx::kBlock) * amx::kBlockNumbers;
  }
};

/// Panels of B, `step` floats apart, and rows that are in pieces, for few rows, so that a large B
/// streams by: while a part of a panel is multiplied, the next one is cut into pieces, and one
/// further on is fetched.
///   sums(panel)   where they go: 32 x kPanel for every 32 rows
///   soon(panel)   what else is fetched meanwhile (Then)
///   done(panel)   comes when its sums are done
template <class SumsOf, class SoonOf, class Done>
HWY_INLINE void stream_panels(const UnitRowPieces& a, const float* b, std::int64_t step,
                              std::int64_t some, std::int64_t depth, const SumsOf& sums,
                              const SoonOf& soon, const Done& done) {
  constexpr std::int64_t kPartDepth = 64;  // two parts in pieces stay in the nearest cache
  constexpr std::int64_t kPartsAhead = 4;  // from memory
  alignas(64) std::uint16_t pieces[2][kPartDepth / amx::kBlock * amx::kBlockNumbers];
  struct Part {
    const float* b;
    std::int64_t panel, l, depth;
    std::int64_t blocks() const { return divide_up(depth, amx::kBlock); }
  };
  const std::int64_t panel_parts = std::max<std::int64_t>(1, divide_up(depth, kPartDepth));
  const std::int64_t parts = some * panel_parts;
  const auto part_at = [&](std::int64_t i) {
    const std::int64_t panel = i / panel_parts, l = i % panel_parts * kPartDepth;
    return Part{b + panel * step + l * kPanel, panel, l, std::min(kPartDepth, depth - l)};
  };
  const std::int64_t row_blocks = divide_up(a.rows, amx::kBlock);
  const auto turns = [&](std::int64_t blocks) {
    return row_blocks * std::max<std::int64_t>(1, blocks) * amx::kProducts;
  };
  PanelSplitter meanwhile;
  meanwhile.begin(b, part_at(0).depth, pieces[0], 1);
  for (std::int64_t i = 0; i < parts; ++i) {
    meanwhile.finish();
    const Part part = part_at(i);
    if (i + 1 < parts) {
      const Part next = part_at(i + 1);
      meanwhile.begin(next.b, next.depth, pieces[(i + 1) % 2], turns(part.blocks()));
    }
    if (i + kPartsAhead < parts) {
      const Part ahead = part_at(i + kPartsAhead);
      meanwhile.soon[0] =
          spread({ahead.b, 1, ahead.depth * kPanel / kLineFloats}, turns(part.blocks()));
    }
    if (part.l == 0) {
      const Then of_panel = soon(part.panel);
      for (std::size_t k = 0; k < of_panel.size(); ++k) {
        meanwhile.soon[1 + k] = spread(of_panel[k], turns(divide_up(depth, amx::kBlock)));
      }
    }
    for (std::int64_t row = 0; row < a.rows; row += amx::kBlock) {
      amx::multiply(std::min(amx::kBlock, a.rows - row), a.at(row, part.l), pieces[i % 2],
                    part.blocks(), part.l == 0, sums(part.panel) + row * kPanel, meanwhile);
    }
    if ((i + 1) % panel_parts == 0) done(part.panel);
  }
}

/// Sums of some rows and panels, to which product after product is added.
struct UnitSums {
  std::int64_t rows, panels;
  float* data = nullptr;

  UnitSums(std::int64_t all_rows, std::int64_t some) : rows(all_rows), panels(some) {}

  std::int64_t floats() const {
    return divide_up(rows, amx::kBlock) * panels * amx::kBlock * kPanel;
  }
  float* block(std::int64_t row, std::int64_t panel) const {
    return data + (row / amx::kBlock * panels + panel) * amx::kBlock * kPanel;
  }
  /// Of the first panel; those of the others as store_unit_row has it.
  const float* row(std::int64_t i) const { return block(i, 0) + i % amx::kBlock * kPanel; }
};

/// Adds to the sums, or sets them to, the product of rows that split(row, count, to) puts into `to`
/// and panels in pieces, `depth` <= kSumBlock deep.
template <class Split>
HWY_INLINE void accumulate_on_unit(const UnitSums& sums, const std::uint16_t* pieces,
                                   std::int64_t depth, bool from_zero, const Then& then,
                                   const Split& split) {
  alignas(64) std::uint16_t a[kSumBlock / amx::kBlock * amx::kBlockNumbers];
  const std::int64_t blocks = divide_up(depth, amx::kBlock);
  const std::int64_t products =
      divide_up(sums.rows, amx::kBlock) * sums.panels * blocks * amx::kProducts;
  amx::Meanwhile meanwhile;
  std::copy(then.begin(), then.end(), meanwhile.soon);
  for (amx::Soon& it : meanwhile.soon) it = spread(it, products);
  const amx::Tiles tiles;
  for (std::int64_t row = 0; row < sums.rows; row += amx::kBlock) {
    const std::int64_t count = std::min(amx::kBlock, sums.rows - row);
    split(row, count, a);
    for (std::int64_t panel = 0; panel < sums.panels; ++panel) {
      amx::multiply(count, a, pieces + panel * blocks * amx::kBlockNumbers, blocks, from_zero,
                    sums.block(row, panel), meanwhile);
    }
  }
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
