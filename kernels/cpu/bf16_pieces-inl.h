// Pieces: numbers cut into three bf16 each, in the order that the matrix unit reads (amx.h).
//
//   high = x rounded to bf16, middle = (x - high) rounded, low = x - high - middle
//
// A bf16 is the upper half of an f32. Rounded by halves up, which is one addition; a NaN may turn
// into any number by it, but then low is NaN.
#if defined(TL_CPU_BF16_PIECES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_BF16_PIECES_INL_H_
#undef TL_CPU_BF16_PIECES_INL_H_
#else
#define TL_CPU_BF16_PIECES_INL_H_
#endif

#include "kernels/cpu/amx.h"
#include "kernels/cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

using WordTag = hn::ScalableTag<std::uint32_t>;
using Words = hn::Vec<WordTag>;

/// Each in the upper halves of the words.
struct Pieces {
  Words high, middle, low;
};

HWY_INLINE Words rounded_to_bf16(Vec x) {
  const WordTag d;
  const Words half = hn::Set(d, 0x8000u), upper = hn::Set(d, 0xffff0000u);
  return hn::And(hn::Add(hn::BitCast(d, x), half), upper);
}

HWY_INLINE Pieces pieces_of(Vec x) {
  const FloatTag d;
  Pieces pieces;
  pieces.high = rounded_to_bf16(x);
  x = hn::Sub(x, hn::BitCast(d, pieces.high));
  pieces.middle = rounded_to_bf16(x);
  x = hn::Sub(x, hn::BitCast(d, pieces.middle));
  pieces.low = hn::BitCast(WordTag(), x);
  return pieces;
}

/// The pieces of two vectors by turns: `to` gets the high ones; middle and low follow,
/// kPieceNumbers apart.
HWY_INLINE void store_pieces(Vec even, Vec odd, std::uint16_t* to) {
  const auto store = [&](Words of_even, Words of_odd, std::int64_t piece) HWY_ATTR {
    hn::StoreU(hn::Or(hn::ShiftRight<16>(of_even), of_odd), WordTag(),
               reinterpret_cast<std::uint32_t*>(to + piece * amx::kPieceNumbers));
  };
  const Pieces e = pieces_of(even), o = pieces_of(odd);
  store(e.high, o.high, 0);
  store(e.middle, o.middle, 1);
  store(e.low, o.low, 2);
}

/// Two times 16 numbers, by turns.
HWY_INLINE void split_16(const float* even, const float* odd, std::uint16_t* to) {
  const FloatTag d;
  for (std::int64_t i = 0; i < kDepthBlock; i += kLanes) {
    store_pieces(hn::LoadU(d, even + i), hn::LoadU(d, odd + i), to + 2 * i);
  }
}

/// Where row or column `i` of a block begins.
constexpr std::int64_t row_in_block(std::int64_t i) { return i * amx::kBlock; }

HWY_ALIGN constexpr float kZeros[amx::kBlock] = {};

/// Rows anywhere, each from number `first` on; null for zeros.
struct RowPointers {
  const float* const* rows;
  std::int64_t first;
};

/// At most 32 rows of A into blocks of 32 x 32; depth: a multiple of 32. What lies past the end of
/// the rows is left as it is: it comes to nothing.
inline void split_rows(RowPointers a, std::int64_t rows, std::int64_t depth, std::uint16_t* to) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* from = a.rows[i];
    std::uint16_t* row = to + row_in_block(i);
    for (std::int64_t l = a.first; l < a.first + depth; l += amx::kBlock) {
      from ? split_16(from + l, from + l + kDepthBlock, row) : split_16(kZeros, kZeros, row);
      row += amx::kBlockNumbers;
    }
  }
}

/// The same for any depth: padded with zeros to a multiple of 16 in A, of 32 in pieces.
inline void split_rows(DepthMajor16 a, std::int64_t rows, std::int64_t depth, std::uint16_t* to) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* from = a.from_row(i).data;
    std::uint16_t* row = to + row_in_block(i);
    for (std::int64_t l = 0; l < depth; l += amx::kBlock, row += amx::kBlockNumbers) {
      split_16(from, l + kDepthBlock < depth ? from + a.block_step : kZeros, row);
      from += 2 * a.block_step;
    }
  }
}

/// The same, transposed by way of a buffer.
inline void split_rows(Columns a, std::int64_t rows, std::int64_t depth, std::uint16_t* to) {
  HWY_ALIGN float block[amx::kBlock * amx::kBlock];
  for (std::int64_t l = 0; l < depth; l += amx::kBlock, to += amx::kBlockNumbers) {
    const std::int64_t length = std::min(amx::kBlock, depth - l);
    const float* from = a.from_depth(l).data;
    if (rows == amx::kBlock && length == amx::kBlock) {
      for (std::int64_t k = 0; k < amx::kBlock; k += 4) {
        for (std::int64_t j = 0; j < amx::kBlock; j += 4) {
          transpose_4x4(from + k * a.step + j, a.step, block + j * amx::kBlock + k, amx::kBlock);
        }
      }
    } else {
      zero_floats(block, amx::kBlock * amx::kBlock);
      for (std::int64_t k = 0; k < length; ++k) {
        for (std::int64_t j = 0; j < rows; ++j) block[j * amx::kBlock + k] = from[k * a.step + j];
      }
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* row = block + i * amx::kBlock;
      split_16(row, row + kDepthBlock, to + row_in_block(i));
    }
  }
}

/// Rows l + i and l + i + 16 of a panel of B, 32 columns wide, rows `step` floats apart; `to`: the
/// block that begins with row l.
HWY_INLINE void split_panel_rows(const float* b, std::int64_t step, std::int64_t depth,
                                 std::int64_t l, std::int64_t i, std::uint16_t* to) {
  constexpr std::int64_t kRight = amx::kPieceNumbers / 2;
  const float* even = l + i < depth ? b + (l + i) * step : kZeros;
  const float* odd = l + i + kDepthBlock < depth ? b + (l + i + kDepthBlock) * step : kZeros;
  split_16(even, odd, to + row_in_block(i));
  split_16(even + kDepthBlock, odd + kDepthBlock, to + kRight + row_in_block(i));
}

inline void split_panel(const float* b, std::int64_t step, std::int64_t depth, std::uint16_t* to) {
  for (std::int64_t l = 0; l < depth; l += amx::kBlock, to += amx::kBlockNumbers) {
    for (std::int64_t i = 0; i < kDepthBlock; ++i) split_panel_rows(b, step, depth, l, i, to);
  }
}

/// `some` panels, panel_step floats apart, one after the other.
inline void split_panels(const float* b, std::int64_t step, std::int64_t panel_step,
                         std::int64_t some, std::int64_t depth, std::uint16_t* to) {
  for (std::int64_t panel = 0; panel < some; ++panel) {
    split_panel(b + panel * panel_step, step, depth, to);
    to += divide_up(depth, amx::kBlock) * amx::kBlockNumbers;
  }
}

/// Cuts a panel of B, its rows one after the other, a little in each of so many turns of
/// amx::multiply.
class PanelSplitter : public amx::Meanwhile {
 public:
  PanelSplitter() {
    work = [](amx::Meanwhile& self) { static_cast<PanelSplitter&>(self).take_turn(); };
  }

  void begin(const float* b, std::int64_t depth, std::uint16_t* to, std::int64_t turns) {
    b_ = b;
    depth_ = depth;
    to_ = to;
    pairs_ = divide_up(divide_up(depth, 2), turns);
    l_ = i_ = 0;
  }
  /// What is left.
  void finish() {
    while (l_ < depth_) split_next();
  }

 private:
  void take_turn() {
    for (std::int64_t pair = 0; pair < pairs_ && l_ < depth_; ++pair) split_next();
  }
  HWY_INLINE void split_next() {
    split_panel_rows(b_, kPanel, depth_, l_, i_, to_);
    if (++i_ < kDepthBlock) return;
    i_ = 0;
    l_ += amx::kBlock;
    to_ += amx::kBlockNumbers;
  }

  const float* b_ = nullptr;
  std::uint16_t* to_ = nullptr;
  std::int64_t depth_ = 0, pairs_ = 0;  // of rows, in one turn
  std::int64_t l_ = 0, i_ = 0;          // the next pair
};

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
