// The one-dimensional transforms of F(4, 4): four outputs of a filter of four taps from seven
// inputs, on the points of F(5, 3), whose B^T it has (winograd_seven_points-inl.h):
//
//   0, 1, -1, 1/2, -2, infinity, -1/2
//
//         [ 1  1  1   1   1  0   1  ]
//   A^T = [ 0  1 -1  1/2 -2  0 -1/2 ]
//         [ 0  1  1  1/4  4  0  1/4 ]
//         [ 0  1 -1  1/8 -8  1 -1/8 ]
//
// A column of A^T holds the powers of its point, whatever the other points are. So products of
// F(4, 3) and of F(4, 4) may be summed point by point before they are transformed back: those of
// three taps have no part in the last point.
//
// Of 680 sets that hold 0, 1, -1 and three small fractions, this one rounds least.
#if defined(TL_CPU_WINOGRAD_STEM_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STEM_TRANSFORM_INL_H_
#undef TL_CPU_WINOGRAD_STEM_TRANSFORM_INL_H_
#else
#define TL_CPU_WINOGRAD_STEM_TRANSFORM_INL_H_
#endif

#include "kernels/cpu/winograd_seven_points-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

constexpr int kStemPoints = 7;  // of a filter of four taps; kPoints of one of three
constexpr int kStemTaps = 4;

/// G of F(4, 4), and of F(4, 3).
constexpr double kFourTaps[kStemPoints][kStemTaps] = {
    {2, 0, 0, 0},
    {2.0 / 9, 2.0 / 9, 2.0 / 9, 2.0 / 9},
    {2.0 / 3, -2.0 / 3, 2.0 / 3, -2.0 / 3},
    {-16.0 / 15, -8.0 / 15, -4.0 / 15, -2.0 / 15},
    {-2.0 / 45, 4.0 / 45, -8.0 / 45, 16.0 / 45},
    {0, 0, 0, 1},
    {-16.0 / 9, 8.0 / 9, -4.0 / 9, 2.0 / 9},
};
constexpr double kThreeTaps[kPoints][kTaps] = {
    {1, 0, 0},
    {1.0 / 3, 1.0 / 3, 1.0 / 3},
    {-1.0 / 3, 1.0 / 3, -1.0 / 3},
    {-16.0 / 15, -8.0 / 15, -4.0 / 15},
    {1.0 / 15, -2.0 / 15, 4.0 / 15},
    {0, 0, 1},
};

/// A^T m.
HWY_INLINE void transform_outputs(const Vec (&m)[kStemPoints], Vec (&out)[kOutputs]) {
  const Vec ones = hn::Add(m[1], m[2]), ones_odd = hn::Sub(m[1], m[2]);
  const Vec halves = hn::Add(m[3], m[6]), halves_odd = hn::Sub(m[3], m[6]);
  const Vec odd = hn::NegMulAdd(constant(2.0f), m[4], ones_odd);
  const Vec even = hn::MulAdd(constant(4.0f), m[4], ones);
  const Vec cubic = hn::NegMulAdd(constant(8.0f), m[4], hn::Add(ones_odd, m[5]));
  out[0] = hn::Add(hn::Add(m[0], ones), hn::Add(m[4], halves));
  out[1] = hn::MulAdd(constant(0.5f), halves_odd, odd);
  out[2] = hn::MulAdd(constant(0.25f), halves, even);
  out[3] = hn::MulAdd(constant(0.125f), halves_odd, cubic);
}

/// A dy, for the gradient of the filter.
HWY_INLINE void transform_outputs_gradient(const Vec (&dy)[kOutputs], Vec (&out)[kStemPoints]) {
  const Vec even = hn::Add(dy[0], dy[2]);
  const Vec odd = hn::Add(dy[1], dy[3]);
  out[0] = dy[0];
  out[1] = hn::Add(even, odd);
  out[2] = hn::Sub(even, odd);
  const Vec even_half = hn::MulAdd(constant(0.25f), dy[2], dy[0]);
  const Vec odd_half = hn::MulAdd(constant(0.25f), dy[3], dy[1]);
  out[3] = hn::MulAdd(constant(0.5f), odd_half, even_half);
  const Vec even_two = hn::MulAdd(constant(4.0f), dy[2], dy[0]);
  const Vec odd_two = hn::MulAdd(constant(4.0f), dy[3], dy[1]);
  out[4] = hn::NegMulAdd(constant(2.0f), odd_two, even_two);
  out[5] = dy[3];
  out[6] = hn::NegMulAdd(constant(0.5f), odd_half, even_half);
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
