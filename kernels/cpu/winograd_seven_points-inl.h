// The one-dimensional transforms of F(5, 3): five outputs of a filter of three taps from seven
// inputs. The points are those of F(4, 3) in winograd_transform-inl.h and one more, at the end:
//
//   0, 1, -1, 1/2, -2, infinity, -1/2
//
//         [ 1/2  1/4 -5/2 -5/4   2   1  0 ]        [   2      0      0   ]
//         [  0  -1/2 -3/4  7/4   3   1  0 ]        [  2/9    2/9    2/9  ]
//         [  0   1/2 -1/4 -9/4   1   1  0 ]        [  2/3   -2/3    2/3  ]
//   B^T = [  0   -1  -5/2   0   5/2  1  0 ]    G = [-16/15  -8/15  -4/15 ]
//         [  0   1/4   0  -5/4   0   1  0 ]        [ -2/45   4/45  -8/45 ]
//         [  0   1/2  1/4 -5/2 -5/4  2  1 ]        [   0      0      1   ]
//         [  0    1  -3/2  -2   3/2  1  0 ]        [-16/9    8/9   -4/9  ]
//
// A^T holds the powers of the points, as there. In two dimensions 49 multiplications make 5 x 5
// outputs, where a direct sum takes 225. The gradient of the filter is F(3, 5).
#if defined(TL_CPU_WINOGRAD_SEVEN_POINTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_SEVEN_POINTS_INL_H_
#undef TL_CPU_WINOGRAD_SEVEN_POINTS_INL_H_
#else
#define TL_CPU_WINOGRAD_SEVEN_POINTS_INL_H_
#endif

#include "kernels/cpu/winograd_transform-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

/// B^T d for F(5, 3), and for F(4, 4) (winograd_stem_transform-inl.h).
HWY_INLINE void transform_inputs(const Vec (&d)[7], Vec (&out)[7]) {
  const Vec quarter = constant(0.25f), half = constant(0.5f);
  const Vec five_quarters = constant(1.25f), two = constant(2.0f);
  // A row is the product of x - p over all points p but its own, as a polynomial in x, and that of
  // infinity the product over all. Rows share factors. (x^2 - 1) (x^2 - 1/4), times 1, x, x^2:
  const Vec e0 = hn::MulAdd(quarter, d[0], hn::NegMulAdd(five_quarters, d[2], d[4]));
  const Vec e1 = hn::MulAdd(quarter, d[1], hn::NegMulAdd(five_quarters, d[3], d[5]));
  const Vec e2 = hn::MulAdd(quarter, d[2], hn::NegMulAdd(five_quarters, d[4], d[6]));
  out[0] = hn::MulAdd(two, e0, e1);
  out[4] = e1;
  out[5] = hn::MulAdd(two, e1, e2);
  // x (x + 2) (x^2 - 1/4), times 1, x:
  const Vec f1 = hn::NegMulAdd(quarter, d[1], d[3]);
  const Vec f2 = hn::NegMulAdd(quarter, d[2], d[4]);
  const Vec f3 = hn::NegMulAdd(quarter, d[3], d[5]);
  const Vec ones_low = hn::MulAdd(two, f1, f2);
  const Vec ones_high = hn::MulAdd(two, f2, f3);
  out[1] = hn::Add(ones_high, ones_low);
  out[2] = hn::Sub(ones_high, ones_low);
  // x (x + 2) (x^2 - 1), times 1, x:
  const Vec g1 = hn::Sub(d[3], d[1]);
  const Vec g2 = hn::Sub(d[4], d[2]);
  const Vec g3 = hn::Sub(d[5], d[3]);
  const Vec halves_low = hn::MulAdd(two, g1, g2);
  const Vec halves_high = hn::MulAdd(two, g2, g3);
  out[3] = hn::MulAdd(half, halves_low, halves_high);
  out[6] = hn::NegMulAdd(half, halves_low, halves_high);
}

/// G g for F(5, 3).
HWY_INLINE void transform_taps(const Vec (&g)[kTaps], Vec (&out)[7]) {
  const Vec outer = hn::Add(g[0], g[2]);
  const Vec outer_half = hn::MulAdd(constant(0.25f), g[2], g[0]);
  const Vec minus_two = hn::MulAdd(constant(4.0f), g[2], hn::NegMulAdd(constant(2.0f), g[1], g[0]));
  out[0] = hn::Add(g[0], g[0]);
  out[1] = hn::Mul(constant(2.0f / 9), hn::Add(outer, g[1]));
  out[2] = hn::Mul(constant(2.0f / 3), hn::Sub(outer, g[1]));
  out[3] = hn::Mul(constant(-16.0f / 15), hn::MulAdd(constant(0.5f), g[1], outer_half));
  out[4] = hn::Mul(constant(-2.0f / 45), minus_two);
  out[5] = g[2];
  out[6] = hn::Mul(constant(-16.0f / 9), hn::NegMulAdd(constant(0.5f), g[1], outer_half));
}

/// A^T m for F(5, 3).
HWY_INLINE void transform_outputs(const Vec (&m)[7], Vec (&out)[5]) {
  const Vec ones = hn::Add(m[1], m[2]), ones_odd = hn::Sub(m[1], m[2]);
  const Vec halves = hn::Add(m[3], m[6]), halves_odd = hn::Sub(m[3], m[6]);
  const auto power = [](float half, Vec of_half, float two, Vec of_two, Vec rest) HWY_ATTR {
    return hn::MulAdd(constant(half), of_half, hn::MulAdd(constant(two), of_two, rest));
  };
  out[0] = hn::Add(hn::Add(m[0], ones), hn::Add(m[4], halves));
  out[1] = power(0.5f, halves_odd, -2, m[4], ones_odd);
  out[2] = power(0.25f, halves, 4, m[4], ones);
  out[3] = power(0.125f, halves_odd, -8, m[4], ones_odd);
  out[4] = hn::Add(power(0.0625f, halves, 16, m[4], ones), m[5]);
}

/// G g with five taps, for F(3, 5).
HWY_INLINE void transform_taps(const Vec (&g)[5], Vec (&out)[7]) {
  const Vec even = hn::Add(hn::Add(g[0], g[2]), g[4]);
  const Vec odd = hn::Add(g[1], g[3]);
  const Vec even_half =
      hn::MulAdd(constant(0.0625f), g[4], hn::MulAdd(constant(0.25f), g[2], g[0]));
  const Vec odd_half = hn::MulAdd(constant(0.25f), g[3], g[1]);
  const Vec even_two = hn::MulAdd(constant(16.0f), g[4], hn::MulAdd(constant(4.0f), g[2], g[0]));
  const Vec odd_two = hn::MulAdd(constant(4.0f), g[3], g[1]);
  out[0] = hn::Add(g[0], g[0]);
  out[1] = hn::Mul(constant(2.0f / 9), hn::Add(even, odd));
  out[2] = hn::Mul(constant(2.0f / 3), hn::Sub(even, odd));
  out[3] = hn::Mul(constant(-16.0f / 15), hn::MulAdd(constant(0.5f), odd_half, even_half));
  out[4] = hn::Mul(constant(-2.0f / 45), hn::NegMulAdd(constant(2.0f), odd_two, even_two));
  out[5] = g[4];
  out[6] = hn::Mul(constant(-16.0f / 9), hn::NegMulAdd(constant(0.5f), odd_half, even_half));
}

/// A^T m with three outputs, for F(3, 5).
HWY_INLINE void transform_outputs(const Vec (&m)[7], Vec (&out)[kTaps]) {
  const Vec ones = hn::Add(m[1], m[2]), ones_odd = hn::Sub(m[1], m[2]);
  const Vec halves = hn::Add(m[3], m[6]), halves_odd = hn::Sub(m[3], m[6]);
  out[0] = hn::Add(hn::Add(m[0], ones), hn::Add(m[4], halves));
  out[1] = hn::MulAdd(constant(0.5f), halves_odd, hn::NegMulAdd(constant(2.0f), m[4], ones_odd));
  out[2] =
      hn::Add(hn::MulAdd(constant(0.25f), halves, hn::MulAdd(constant(4.0f), m[4], ones)), m[5]);
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
