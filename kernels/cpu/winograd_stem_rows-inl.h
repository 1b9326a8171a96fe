// PhaseRows: the last few rows of a picture with 1 to 4 channels, each taken apart so that a vector
// holds one number of every tile:
//
//   [row][channel][column mod 2][column / 2 mod 4][column / 8]
//
// column mod 2 is the phase, and a tile of 4 outputs at stride 2 begins every 8 columns. Rows and
// columns are counted from the corner of the padding; what lies outside of the picture is zero.
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

HWY_INLINE void load_interleaved(const float* from, Vec (&v)[1]) {
  v[0] = hn::LoadU(FloatTag(), from);
}
HWY_INLINE void load_interleaved(const float* from, Vec (&v)[2]) {
  hn::LoadInterleaved2(FloatTag(), from, v[0], v[1]);
}
HWY_INLINE void load_interleaved(const float* from, Vec (&v)[3]) {
  hn::LoadInterleaved3(FloatTag(), from, v[0], v[1], v[2]);
}
HWY_INLINE void load_interleaved(const float* from, Vec (&v)[4]) {
  hn::LoadInterleaved4(FloatTag(), from, v[0], v[1], v[2], v[3]);
}

/// [size / kParts][kParts] to [kParts][size / kParts]; `size` a multiple of kParts * kLanes.
template <int kParts>
inline void take_apart(const float* from, std::int64_t size, float* to) {
  const std::int64_t length = size / kParts;
  for (std::int64_t i = 0; i < length; i += kLanes) {
    Vec v[kParts];
    load_interleaved(from + i * kParts, v);
    for (int k = 0; k < kParts; ++k) hn::StoreU(v[k], FloatTag(), to + k * length + i);
  }
}

class PhaseRows {
 public:
  static constexpr std::int64_t kRows = 16;  // a row of tiles sees 13

  /// For `tiles` tiles side by side; `memory` of floats(p, tiles).
  PhaseRows(const Conv2dProblem& p, std::int64_t tiles, float* memory)
      : p_(p),
        columns_(8 * step(tiles)),
        padded_(memory),
        channels_(padded_ + columns_ * p.c_in),
        phases_(channels_ + columns_ * p.c_in),
        rows_(phases_ + columns_) {
    zero_floats(padded_, columns_ * p.c_in);
  }

  static std::int64_t floats(const Conv2dProblem& p, std::int64_t tiles) {
    // Vectors of tiles end beyond the last row.
    return ((kRows + 2) * p.c_in + 1) * 8 * step(tiles) + 2 * kLanes;
  }

  /// Takes a row of `image` in; the one kRows above is forgotten.
  void load(const float* image, std::int64_t row) {
    const std::int64_t h = row - p_.pad_h;
    float* to = rows_ + row % kRows * columns_ * p_.c_in;
    if (h < 0 || h >= p_.h) return zero_floats(to, columns_ * p_.c_in);
    copy_floats(image + h * p_.w * p_.c_in, padded_ + p_.pad_w * p_.c_in,
                std::min(p_.w, columns_ - p_.pad_w) * p_.c_in);
    const std::int64_t size = columns_ * p_.c_in;
    if (p_.c_in == 1) take_apart<1>(padded_, size, channels_);
    if (p_.c_in == 2) take_apart<2>(padded_, size, channels_);
    if (p_.c_in == 3) take_apart<3>(padded_, size, channels_);
    if (p_.c_in == 4) take_apart<4>(padded_, size, channels_);
    for (std::int64_t c = 0; c < p_.c_in; ++c, to += columns_) {
      take_apart<2>(channels_ + c * columns_, columns_, phases_);
      take_apart<4>(phases_, columns_ / 2, to);
      take_apart<4>(phases_ + columns_ / 2, columns_ / 2, to + columns_ / 2);
    }
  }

  /// What tile 0 sees at a row, phase of w and tap of that phase; the other tiles' numbers follow.
  const float* tiles(std::int64_t row, std::int64_t channel, std::int64_t phase,
                     std::int64_t tap) const {
    return rows_ + (row % kRows * p_.c_in + channel) * columns_ +
           (phase * 4 + tap % 4) * (columns_ / 8) + tap / 4;
  }

 private:
  /// The last tile reaches into the columns of one that would follow.
  static std::int64_t step(std::int64_t tiles) { return round_up(tiles + 1, kLanes); }

  const Conv2dProblem& p_;
  std::int64_t columns_;
  float* padded_;    // a row of the picture between zeros
  float* channels_;  // the same by channels
  float* phases_;    // one channel of that by phases of w
  float* rows_;
};

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
