// The one-dimensional transforms of Winograd's convolution at stride 2 with a filter of three taps:
// four outputs from nine inputs. The inputs fall into two phases, each of stride 1:
//
//   y[i] = sum over r in {0, 1} of d[2 (i + r)] * g[2 r]     even: F(4, 2), five inputs, two taps
//        + d[2 i + 1] * g[1]                                 odd:  F(4, 1), four inputs, one tap
//
// The points are 0, 1, -1, 2 and infinity; the odd phase has no part in the last. A column of A^T
// holds the powers of its point, whatever the other points are, so the products of both phases may
// be summed point by point before they are transformed back.
//
//          [ 2 -1 -2  1  0 ]        [  1/2   0  ]          [ 1  1  1  1  0 ]
//          [ 0 -2 -1  1  0 ]        [ -1/2 -1/2 ]    A^T = [ 0  1 -1  2  0 ]
//    B^T = [ 0  2 -3  1  0 ]    G = [ -1/6  1/6 ]          [ 0  1  1  4  0 ]
//          [ 0 -1  0  1  0 ]        [  1/6  1/3 ]          [ 0  1 -1  8  1 ]
//          [ 0  2 -1 -2  1 ]        [   0    1  ]
//
// Those of the odd phase are the same without the last row and the last column of B^T, and without
// the last row and column of G. Of the small fractions that can stand for 2, it rounds least, as -2
// and 5/2 do: about 0.75 times as much as 1/2.
//
// In two dimensions there are four phases. A point takes 4, 2 or 1 multiplications, as many as
// phases have it: 16 * 4 + 8 * 2 + 1 = 81 for 4 x 4 outputs, where a direct sum takes 144.
//
// The sum over all points is linear in x and in the filter, so its gradients take the transposed
// transforms: A dy A^T is the gradient of the summed products, from which the gradient of x is made
// by B and that of the filter by G^T, with as many multiplications.
//
// Every function here works on one vector of channels per element.
#if defined(TL_CPU_WINOGRAD_STRIDE2_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_STRIDE2_TRANSFORM_INL_H_
#undef TL_CPU_WINOGRAD_STRIDE2_TRANSFORM_INL_H_
#else
#define TL_CPU_WINOGRAD_STRIDE2_TRANSFORM_INL_H_
#endif

#include "kernels/cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

constexpr int kPhasePoints = 5;   // per dimension
constexpr int kPhaseOutputs = 4;  // of both phases together

/// Inputs and points of a phase, even (0) or odd (1), and its taps.
constexpr int points_of_phase(int phase) { return kPhasePoints - phase; }
constexpr int taps_of_phase(int phase) { return 2 - phase; }

/// B^T d without its last row. A row is the product of x - p over all finite points p but its own,
/// as a polynomial in x; rows share factors.
HWY_INLINE void finite_phase_inputs(Vec d0, Vec d1, Vec d2, Vec d3, Vec* out) {
  const Vec two = hn::Set(FloatTag(), 2.0f);
  const Vec low = hn::NegMulAdd(two, d1, d2);   // x (x - 2)
  const Vec high = hn::NegMulAdd(two, d2, d3);  // x^2 (x - 2)
  out[3] = hn::Sub(d3, d1);                     // x (x^2 - 1)
  out[0] = hn::MulAdd(two, hn::Sub(d0, d2), out[3]);
  out[1] = hn::Add(high, low);
  out[2] = hn::Sub(high, low);
}

/// B^T d of the odd phase.
HWY_INLINE void phase_inputs(const Vec (&d)[4], Vec (&out)[4]) {
  finite_phase_inputs(d[0], d[1], d[2], d[3], out);
}

/// B^T d of the even phase.
HWY_INLINE void phase_inputs(const Vec (&d)[5], Vec (&out)[5]) {
  finite_phase_inputs(d[0], d[1], d[2], d[3], out);
  out[4] = hn::NegMulAdd(hn::Set(FloatTag(), 2.0f), out[3], hn::Sub(d[4], d[2]));
}

/// G g of the odd phase.
HWY_INLINE void phase_taps(const Vec (&g)[1], Vec (&out)[4]) {
  const FloatTag d;
  out[0] = hn::Mul(hn::Set(d, 0.5f), g[0]);
  out[1] = hn::Neg(out[0]);
  out[3] = hn::Mul(hn::Set(d, 1.0f / 6), g[0]);
  out[2] = hn::Neg(out[3]);
}

/// G g of the even phase.
HWY_INLINE void phase_taps(const Vec (&g)[2], Vec (&out)[5]) {
  const FloatTag d;
  const Vec sixth = hn::Set(d, 1.0f / 6);
  out[0] = hn::Mul(hn::Set(d, 0.5f), g[0]);
  out[1] = hn::Mul(hn::Set(d, -0.5f), hn::Add(g[0], g[1]));
  out[2] = hn::Mul(sixth, hn::Sub(g[1], g[0]));
  out[3] = hn::Mul(sixth, hn::MulAdd(hn::Set(d, 2.0f), g[1], g[0]));
  out[4] = g[1];
}

/// A^T m.
HWY_INLINE void phase_outputs(const Vec (&m)[kPhasePoints], Vec (&out)[kPhaseOutputs]) {
  const FloatTag d;
  const Vec sum = hn::Add(m[1], m[2]);
  const Vec difference = hn::Sub(m[1], m[2]);
  out[0] = hn::Add(hn::Add(m[0], sum), m[3]);
  out[1] = hn::MulAdd(hn::Set(d, 2.0f), m[3], difference);
  out[2] = hn::MulAdd(hn::Set(d, 4.0f), m[3], sum);
  out[3] = hn::MulAdd(hn::Set(d, 8.0f), m[3], hn::Add(difference, m[4]));
}

/// A dy.
HWY_INLINE void phase_outputs_gradient(const Vec (&dy)[kPhaseOutputs], Vec (&out)[kPhasePoints]) {
  const FloatTag d;
  const Vec even = hn::Add(dy[0], dy[2]);
  const Vec odd = hn::Add(dy[1], dy[3]);
  out[0] = dy[0];
  out[1] = hn::Add(even, odd);
  out[2] = hn::Sub(even, odd);
  const Vec even_two = hn::MulAdd(hn::Set(d, 4.0f), dy[2], dy[0]);
  const Vec odd_two = hn::MulAdd(hn::Set(d, 4.0f), dy[3], dy[1]);
  out[3] = hn::MulAdd(hn::Set(d, 2.0f), odd_two, even_two);
  out[4] = dy[3];
}

/// B v of the finite points.
HWY_INLINE void finite_phase_inputs_gradient(Vec v0, Vec v1, Vec v2, Vec v3, Vec* dx) {
  const Vec two = hn::Set(FloatTag(), 2.0f);
  const Vec difference = hn::Sub(v2, v1);
  dx[0] = hn::Add(v0, v0);
  dx[1] = hn::MulAdd(two, difference, hn::Neg(hn::Add(v0, v3)));
  dx[2] = hn::NegMulAdd(two, hn::Add(v0, v2), hn::Neg(hn::Add(v1, v2)));
  dx[3] = hn::Add(hn::Add(v0, v1), hn::Add(v2, v3));
}

/// B v of the odd phase.
HWY_INLINE void phase_inputs_gradient(const Vec (&v)[4], Vec (&dx)[4]) {
  finite_phase_inputs_gradient(v[0], v[1], v[2], v[3], dx);
}

/// B v of the even phase.
HWY_INLINE void phase_inputs_gradient(const Vec (&v)[5], Vec (&dx)[5]) {
  const Vec two = hn::Set(FloatTag(), 2.0f);
  finite_phase_inputs_gradient(v[0], v[1], v[2], v[3], dx);
  dx[1] = hn::MulAdd(two, v[4], dx[1]);
  dx[2] = hn::Sub(dx[2], v[4]);
  dx[3] = hn::NegMulAdd(two, v[4], dx[3]);
  dx[4] = v[4];
}

/// G^T u of the odd phase.
HWY_INLINE void phase_taps_gradient(const Vec (&u)[4], Vec (&dg)[1]) {
  const FloatTag d;
  const Vec sixths = hn::Mul(hn::Set(d, 1.0f / 6), hn::Sub(u[3], u[2]));
  dg[0] = hn::MulAdd(hn::Set(d, 0.5f), hn::Sub(u[0], u[1]), sixths);
}

/// G^T u of the even phase.
HWY_INLINE void phase_taps_gradient(const Vec (&u)[5], Vec (&dg)[2]) {
  const FloatTag d;
  const Vec half = hn::Set(d, 0.5f), sixth = hn::Set(d, 1.0f / 6);
  dg[0] = hn::MulAdd(half, hn::Sub(u[0], u[1]), hn::Mul(sixth, hn::Sub(u[3], u[2])));
  const Vec sixths = hn::Mul(sixth, hn::MulAdd(hn::Set(d, 2.0f), u[3], u[2]));
  dg[1] = hn::Add(hn::NegMulAdd(half, u[1], sixths), u[4]);
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
