// StemRows: the last few rows of a picture with 1 to 4 channels, each transposed so that a vector
// holds one number of every tile. A tile of 4 outputs at stride 2 begins every 8 columns, so a row
// is a matrix [tile][column, channel] with 8 columns, and becomes [column, channel][tile].
//
// Rows and columns are counted from the corner of the padding; outside of the picture is zero.
#if defined(TL_CPU_WINOGRAD_STEM_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STEM_ROWS_INL_H_
#undef TL_CPU_WINOGRAD_STEM_ROWS_INL_H_
#else
#define TL_CPU_WINOGRAD_STEM_ROWS_INL_H_
#endif

#include "kernels/conv2d.h"
#include "kernels/cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// [rows][columns] to [columns][rows]; rows a multiple of kLanes, columns one of 4. `fours` is
/// scratch of the same size: in between, columns stand in fours, which is what Highway transposes.
inline void transpose_rows(const float* from, std::int64_t rows, std::int64_t columns, float* fours,
                           float* to) {
  const FloatTag d;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; j += 4) {
      copy_floats(from + i * columns + j, fours + j * rows + i * 4, 4);
    }
  }
  for (std::int64_t j = 0; j < columns; j += 4, to += 4 * rows) {
    for (std::int64_t i = 0; i < rows; i += kLanes) {
      Vec v0, v1, v2, v3;
      hn::LoadInterleaved4(d, fours + j * rows + i * 4, v0, v1, v2, v3);
      hn::StoreU(v0, d, to + i);
      hn::StoreU(v1, d, to + rows + i);
      hn::StoreU(v2, d, to + 2 * rows + i);
      hn::StoreU(v3, d, to + 3 * rows + i);
    }
  }
}

class StemRows {
 public:
  static constexpr std::int64_t kRows = 16;  // a row of tiles sees 13

  /// For rows of `tiles` tiles; `memory` of floats(p, tiles).
  StemRows(const Conv2dProblem& p, std::int64_t tiles, float* memory)
      : p_(p),
        tiles_(padded_tiles(tiles)),
        row_floats_(kColumns * p.c_in * tiles_),
        padded_(memory),
        fours_(padded_ + row_floats_),
        rows_(fours_ + row_floats_) {
    zero_floats(padded_, row_floats_);
  }

  static std::int64_t floats(const Conv2dProblem& p, std::int64_t tiles) {
    // Vectors of tiles end beyond the last row.
    return (kRows + 2) * kColumns * p.c_in * padded_tiles(tiles) + 2 * kLanes;
  }

  /// Takes a row of `image` in; the one kRows above is forgotten.
  void load(const float* image, std::int64_t row) {
    const std::int64_t h = row - p_.pad_h;
    float* to = rows_ + row % kRows * row_floats_;
    if (h < 0 || h >= p_.h) return zero_floats(to, row_floats_);
    copy_floats(image + h * p_.w * p_.c_in, padded_ + p_.pad_w * p_.c_in,
                std::min(p_.w * p_.c_in, row_floats_ - p_.pad_w * p_.c_in));
    transpose_rows(padded_, tiles_, kColumns * p_.c_in, fours_, to);
  }

  /// What tile 0 sees in a column, of its own 8 or beyond them; what the other tiles see follows.
  const float* tiles(std::int64_t row, std::int64_t column, std::int64_t channel) const {
    return rows_ + row % kRows * row_floats_ + (column % kColumns * p_.c_in + channel) * tiles_ +
           column / kColumns;
  }

 private:
  static constexpr std::int64_t kColumns = 8;

  /// The last tile sees columns of one more.
  static std::int64_t padded_tiles(std::int64_t tiles) { return round_up(tiles + 1, kLanes); }

  const Conv2dProblem& p_;
  std::int64_t tiles_, row_floats_;
  float* padded_;  // a row of the picture between zeros
  float* fours_;
  float* rows_;
};

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
