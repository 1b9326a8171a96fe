// Strassen's algorithm in Winograd's form, one level: seven products where a product of 2x2 blocks
// has eight.
//
//   (C11 C12)   (A11 A12)   (B11 B12)    A: a block of rows and another, two halves of depth
//   (C21 C22) = (A21 A22) * (B21 B22)    B: two halves of depth, a panel and the next
//
//   S1 = A21 + A22    T1 = B12 - B11     u   = A11 B11           C11 = u + A12 B21
//   S2 = S1 - A11     T2 = B22 - T1      u  += S2 T2
//   S3 = A11 - A21    T3 = B22 - B12     v   = u + S3 T3         C21 = v - A22 T4
//   S4 = A12 - S2     T4 = T2 - B21      w   = S1 T1             C22 = v + w
//                                        C12 = u + w + S4 B22
//
// An eighth of the multiply-adds is saved; what is added instead is small beside the products, each
// of which goes through the microkernel: u, v and w are tiles that stay in the nearest cache, the
// sums of B are packed as panels once, those of A by each thread for a group of rows at a time.
//
// Rounding. Sums of blocks are up to twice as large as the numbers, so a result is about 2.7 times
// as far from the exact one as that of a direct sum, relative to all of A and B: a small result
// beside large ones has the error of the large ones, and a NaN or infinity in a row of A spreads to
// the row it is paired with. See Higham, "Accuracy and Stability of Numerical Algorithms", 23.
#if defined(TL_CPU_STRASSEN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_STRASSEN_INL_H_
#undef TL_CPU_STRASSEN_INL_H_
#else
#define TL_CPU_STRASSEN_INL_H_
#endif

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/pack-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

constexpr std::int64_t kStrassenProducts = 7;
/// Rows of a block of A and depth of one pass: the seven sums of both blocks' rows take less than
/// half of a second-level cache of 1 MB.
constexpr std::int64_t kStrassenRows = std::min<std::int64_t>(28, kGroupTiles* kMaxRows);
constexpr std::int64_t kStrassenDepth = 1024;
constexpr std::int64_t kStrassenDepthStep = 2 * kDepthBlock;  // depth comes in multiples of it

/// Seven sums of blocks, in the order in which they are multiplied, by the products they are for.
enum StrassenSum { kA11B11, kA12B21, kS2T2, kS3T3, kA22T4, kS1T1, kS4B22 };

/// Where B11, B21, B12 and B22, each [half][kPanel], are packed before combine_panels: the first of
/// each column of B, then the second.
constexpr StrassenSum kStrassenQuarters[2][2] = {{kA11B11, kA12B21}, {kS1T1, kS4B22}};

/// Packed floats of a pair of panels.
constexpr std::int64_t strassen_pair_floats(std::int64_t depth) {
  return kStrassenProducts * (depth / 2) * kPanel;
}

/// Calls store(StrassenSum, Vec) for the seven sums of quarters of B; that with T4 has the other
/// sign.
template <class Store>
HWY_INLINE void sum_up_b(Vec b11, Vec b12, Vec b21, Vec b22, const Store& store) {
  const Vec t1 = hn::Sub(b12, b11), t2 = hn::Sub(b22, t1);
  store(kA11B11, b11);
  store(kA12B21, b21);
  store(kS2T2, t2);
  store(kS3T3, hn::Sub(b22, b12));
  store(kA22T4, hn::Sub(b21, t2));
  store(kS1T1, t1);
  store(kS4B22, b22);
}

/// The same of A.
template <class Store>
HWY_INLINE void sum_up_a(Vec a11, Vec a12, Vec a21, Vec a22, const Store& store) {
  const Vec s1 = hn::Add(a21, a22), s2 = hn::Sub(s1, a11);
  store(kA11B11, a11);
  store(kA12B21, a12);
  store(kS2T2, s2);
  store(kS3T3, hn::Sub(a11, a21));
  store(kA22T4, a22);
  store(kS1T1, s1);
  store(kS4B22, hn::Sub(a12, s2));
}

/// From the four quarters of B, packed at kStrassenQuarters, the seven sums, in place.
inline void combine_panels(float* seven, std::int64_t half) {
  const FloatTag d;
  const std::int64_t size = half * kPanel;
  for (std::int64_t i = 0; i < size; i += kLanes) {
    const auto quarter = [&](int right, int lower) HWY_ATTR {
      return hn::LoadU(d, seven + kStrassenQuarters[right][lower] * size + i);
    };
    sum_up_b(quarter(0, 0), quarter(1, 0), quarter(0, 1), quarter(1, 1),
             [&](StrassenSum sum, Vec x) HWY_ATTR { hn::StoreU(x, d, seven + sum * size + i); });
  }
}

/// Row l of the seven sums, from that of the upper half of B and that of the lower, or without it:
/// each the two panels side by side.
inline void combine_panel_row(const float* upper, const float* lower, std::int64_t l,
                              std::int64_t half, float* seven) {
  const FloatTag d;
  for (std::int64_t j = 0; j < kPanel; j += kLanes) {
    const auto from_lower = [&](std::int64_t at)
                                HWY_ATTR { return lower ? hn::LoadU(d, lower + at) : hn::Zero(d); };
    sum_up_b(hn::LoadU(d, upper + j), hn::LoadU(d, upper + kPanel + j), from_lower(j),
             from_lower(kPanel + j), [&](StrassenSum sum, Vec x) HWY_ATTR {
               hn::StoreU(x, d, seven + (sum * half + l) * kPanel + j);
             });
  }
}

/// The seven sums of blocks of A: each `rows` rows and half of a depth, a DepthMajor16.
struct StrassenRows {
  float* data;
  std::int64_t rows, half;

  std::int64_t step() const { return depth_block_step(rows); }
  std::int64_t sum_floats() const { return half / kDepthBlock * step(); }
  std::int64_t floats() const { return kStrassenProducts * sum_floats(); }
  DepthMajor16 operator[](StrassenSum i) const { return {data + i * sum_floats(), step()}; }

  /// Row i of the first block and of the second, or without it: 2 * half consecutive floats each.
  void combine(std::int64_t i, const float* first, const float* second) const {
    const FloatTag d;
    for (std::int64_t l = 0; l < half; l += kLanes) {
      float* const to = data + l / kDepthBlock * step() + i * kDepthBlock + l % kDepthBlock;
      const auto from_second = [&](std::int64_t at) HWY_ATTR {
        return second ? hn::LoadU(d, second + at) : hn::Zero(d);
      };
      sum_up_a(hn::LoadU(d, first + l), hn::LoadU(d, first + half + l), from_second(l),
               from_second(half + l),
               [&](StrassenSum sum, Vec x) HWY_ATTR { hn::StoreU(x, d, to + sum * sum_floats()); });
    }
  }
};

/// The same of a transposed A, where rows lie side by side: Columns.
struct StrassenColumns {
  float* data;
  std::int64_t rows, half, step;

  StrassenColumns(float* to, std::int64_t some, std::int64_t half_depth)
      : data(to), rows(some), half(half_depth), step(odd_lines(some)) {}

  std::int64_t sum_floats() const { return half * step; }
  std::int64_t floats() const { return kStrassenProducts * sum_floats(); }
  Columns operator[](StrassenSum i) const { return {data + i * sum_floats(), step}; }
  /// Some of the rows.
  StrassenColumns group(Range some) const {
    StrassenColumns part = *this;
    part.data += some.begin;
    part.rows = some.size();
    return part;
  }

  /// Depth l of the first half and of the second, or without it: each the rows of both blocks, side
  /// by side.
  void combine(std::int64_t l, const float* first, const float* second) const {
    const FloatTag d;
    for (std::int64_t i = 0; i < rows; i += kLanes) {
      const auto from_second = [&](std::int64_t at) HWY_ATTR {
        return second ? hn::LoadU(d, second + at) : hn::Zero(d);
      };
      sum_up_a(hn::LoadU(d, first + i), from_second(i), hn::LoadU(d, first + rows + i),
               from_second(rows + i), [&](StrassenSum sum, Vec x) HWY_ATTR {
                 hn::StoreU(x, d, data + sum * sum_floats() + l * step + i);
               });
    }
  }
};

/// to += x, n floats.
HWY_INLINE void add_floats(float* HWY_RESTRICT to, const float* HWY_RESTRICT x, std::int64_t n) {
  const FloatTag d;
  for (std::int64_t i = 0; i < n; i += kLanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, x + i)), d, to + i);
  }
}

/// Both blocks of rows, a StrassenRows or StrassenColumns of at most kStrassenRows, times a pair of
/// panels. `first`, `second`: where they go in the first of the panels; of the second block only
/// second_rows are stored. `upcoming` is fetched meanwhile.
template <class Sums>
inline void strassen_product(const Sums& a, const float* pair, const TileOutput& first,
                             const TileOutput& second, std::int64_t second_rows,
                             Upcoming& upcoming) {
  HWY_ALIGN float u[kStrassenRows * kPanel], v[kStrassenRows * kPanel], w[kStrassenRows * kPanel];
  const auto product = [&](StrassenSum i, const float* before, std::int64_t rows,
                           const TileOutput& out, const float* next_y) HWY_ATTR {
    group_product(rows, a[i], pair + i * a.half * kPanel, a.half, before, out, next_y, upcoming);
  };
  const auto sum_up = [&](StrassenSum i, const float* before, float* sums) HWY_ATTR {
    product(i, before, a.rows, {.y = sums, .step = kPanel}, nullptr);
  };
  const TileOutput first_right = first.right(), second_right = second.right();
  sum_up(kA11B11, nullptr, u);
  product(kA12B21, u, a.rows, first, second.y);
  sum_up(kS2T2, u, u);
  sum_up(kS3T3, u, v);
  if (second_rows > 0) product(kA22T4, v, second_rows, second, second_right.y);
  sum_up(kS1T1, nullptr, w);
  add_floats(u, w, a.rows * kPanel);
  add_floats(v, w, a.rows * kPanel);
  if (second_rows > 0) {
    group_product(second_rows, a[kS1T1], pair, 0, v, second_right, first_right.y, upcoming);
  }
  product(kS4B22, u, a.rows, first_right, first_right.y + kPanel);
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
