// The one-dimensional transforms of Winograd's convolution F(4, 3): four outputs of a filter of
// three taps from six inputs with six multiplications instead of twelve; and of F(2, 3): two
// outputs from four inputs with four multiplications instead of six.
// Source: Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks", 2016.
//
//   y = A^T [ (G g) * (B^T d) ]                     * element by element
//
// A convolution is a product of polynomials, evaluated at six points, multiplied there, and
// interpolated. The points of F(4, 3) are 0, 1, -1, 1/2, -2 and infinity: against the usual
// 0, 1, -1, 2, -2 the numbers that cancel are smaller, and the error of a result is about half.
//
//         [ 1 -3/2  -2  3/2  1  0 ]        [    1      0      0   ]          [ 1  1  1   1   1  0 ]
//         [ 0  -1  1/2  5/2  1  0 ]        [   1/3    1/3    1/3  ]    A^T = [ 0  1 -1  1/2 -2  0 ]
//   B^T = [ 0   1 -5/2  1/2  1  0 ]    G = [  -1/3    1/3   -1/3  ]          [ 0  1  1  1/4  4  0 ]
//         [ 0  -2  -1    2   1  0 ]        [ -16/15  -8/15  -4/15 ]          [ 0  1 -1  1/8 -8  1 ]
//         [ 0  1/2 -1  -1/2  1  0 ]        [   1/15  -2/15   4/15 ]
//         [ 0   1 -3/2  -2  3/2 1 ]        [    0      0      1   ]
//
// F(2, 3) takes 0, 1, -1 and infinity, and so only adds, subtracts and halves:
//
//         [ 1   0  -1  0 ]        [  1    0    0  ]
//   B^T = [ 0   1   1  0 ]    G = [ 1/2  1/2  1/2 ]    A^T = [ 1  1  1  0 ]
//         [ 0  -1   1  0 ]        [ 1/2 -1/2  1/2 ]          [ 0  1 -1  1 ]
//         [ 0  -1   0  1 ]        [  0    0    1  ]
//
// In two dimensions each is applied to columns, then to rows; 36 multiplications make 4 x 4
// outputs, where a direct sum takes 144, and 16 make 2 x 2, of 36. The gradient of the filter is
// F(3, 4), on the points of F(4, 3): the input transform is the same, the gradient of y takes the
// part of the filter (G with a column for the third power), and A^T has three rows.
//
// Every function here works on one vector of channels per element. How many inputs, points and
// outputs there are says which algorithm is meant.
#if defined(TL_CPU_WINOGRAD_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TL_CPU_WINOGRAD_TRANSFORM_INL_H_
#undef TL_CPU_WINOGRAD_TRANSFORM_INL_H_
#else
#define TL_CPU_WINOGRAD_TRANSFORM_INL_H_
#endif

#include "kernels/cpu/microkernel-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tl::cpu::HWY_NAMESPACE {

constexpr int kPoints = 6;  // of F(4, 3), per dimension
constexpr int kOutputs = 4;
constexpr int kTaps = 3;

HWY_INLINE Vec constant(float value) { return hn::Set(FloatTag(), value); }

/// B^T d.
HWY_INLINE void transform_inputs(const Vec (&d)[kPoints], Vec (&out)[kPoints]) {
  const Vec three_halves = constant(1.5f);
  const Vec d42 = hn::Sub(d[4], d[2]);
  const Vec d31 = hn::Sub(d[3], d[1]);
  const Vec even = hn::MulAdd(three_halves, d[3], d42);  // what rows 1 and 2 share
  const Vec odd = hn::MulAdd(three_halves, d[2], d31);   // and what they differ in
  out[0] = hn::MulAdd(three_halves, d31, hn::Add(hn::Sub(d[0], d[2]), d42));
  out[1] = hn::Add(even, odd);
  out[2] = hn::Sub(even, odd);
  out[3] = hn::MulAdd(constant(2.0f), d31, d42);
  out[4] = hn::NegMulAdd(constant(0.5f), d31, d42);
  out[5] = hn::MulAdd(three_halves, d42, hn::Sub(hn::Sub(d[5], d[3]), d31));
}

/// G g.
HWY_INLINE void transform_taps(const Vec (&g)[kTaps], Vec (&out)[kPoints]) {
  const Vec outer = hn::Add(g[0], g[2]);
  const Vec third = constant(1.0f / 3);
  out[0] = g[0];
  out[1] = hn::Mul(third, hn::Add(outer, g[1]));
  out[2] = hn::Mul(third, hn::Sub(g[1], outer));
  const Vec half = hn::MulAdd(constant(0.25f), g[2], hn::MulAdd(constant(0.5f), g[1], g[0]));
  out[3] = hn::Mul(constant(-16.0f / 15), half);
  const Vec minus_two = hn::MulAdd(constant(4.0f), g[2], hn::NegMulAdd(constant(2.0f), g[1], g[0]));
  out[4] = hn::Mul(constant(1.0f / 15), minus_two);
  out[5] = g[2];
}

/// A^T m.
HWY_INLINE void transform_outputs(const Vec (&m)[kPoints], Vec (&out)[kOutputs]) {
  const Vec sum = hn::Add(m[1], m[2]);
  const Vec difference = hn::Sub(m[1], m[2]);
  out[0] = hn::Add(hn::Add(m[0], sum), hn::Add(m[3], m[4]));
  out[1] = hn::MulAdd(constant(0.5f), m[3], hn::NegMulAdd(constant(2.0f), m[4], difference));
  out[2] = hn::MulAdd(constant(0.25f), m[3], hn::MulAdd(constant(4.0f), m[4], sum));
  out[3] = hn::Add(
      hn::MulAdd(constant(0.125f), m[3], hn::NegMulAdd(constant(8.0f), m[4], difference)), m[5]);
}

/// B^T d for F(2, 3).
HWY_INLINE void transform_inputs(const Vec (&d)[4], Vec (&out)[4]) {
  out[0] = hn::Sub(d[0], d[2]);
  out[1] = hn::Add(d[2], d[1]);
  out[2] = hn::Sub(d[2], d[1]);
  out[3] = hn::Sub(d[3], d[1]);
}

/// G g for F(2, 3).
HWY_INLINE void transform_taps(const Vec (&g)[kTaps], Vec (&out)[4]) {
  const Vec outer = hn::Add(g[0], g[2]);
  const Vec half = constant(0.5f);
  out[0] = g[0];
  out[1] = hn::Mul(half, hn::Add(outer, g[1]));
  out[2] = hn::Mul(half, hn::Sub(outer, g[1]));
  out[3] = g[2];
}

/// A^T m for F(2, 3).
HWY_INLINE void transform_outputs(const Vec (&m)[4], Vec (&out)[2]) {
  out[0] = hn::Add(m[0], hn::Add(m[1], m[2]));
  out[1] = hn::Add(hn::Sub(m[1], m[2]), m[3]);
}

/// G g with four taps, for F(3, 4).
HWY_INLINE void transform_taps(const Vec (&g)[kOutputs], Vec (&out)[kPoints]) {
  const Vec even = hn::Add(g[0], g[2]);
  const Vec odd = hn::Add(g[1], g[3]);
  const Vec third = constant(1.0f / 3);
  out[0] = g[0];
  out[1] = hn::Mul(third, hn::Add(even, odd));
  out[2] = hn::Mul(third, hn::Sub(odd, even));
  const Vec even_half = hn::MulAdd(constant(0.25f), g[2], g[0]);
  const Vec odd_half = hn::MulAdd(constant(0.25f), g[3], g[1]);
  out[3] = hn::Mul(constant(-16.0f / 15), hn::MulAdd(constant(0.5f), odd_half, even_half));
  const Vec even_two = hn::MulAdd(constant(4.0f), g[2], g[0]);
  const Vec odd_two = hn::MulAdd(constant(4.0f), g[3], g[1]);
  out[4] = hn::Mul(constant(1.0f / 15), hn::NegMulAdd(constant(2.0f), odd_two, even_two));
  out[5] = g[3];
}

/// A^T m with three outputs, for F(3, 4).
HWY_INLINE void transform_outputs(const Vec (&m)[kPoints], Vec (&out)[kTaps]) {
  const Vec sum = hn::Add(m[1], m[2]);
  const Vec difference = hn::Sub(m[1], m[2]);
  out[0] = hn::Add(hn::Add(m[0], sum), hn::Add(m[3], m[4]));
  out[1] = hn::MulAdd(constant(0.5f), m[3], hn::NegMulAdd(constant(2.0f), m[4], difference));
  out[2] = hn::Add(hn::MulAdd(constant(0.25f), m[3], hn::MulAdd(constant(4.0f), m[4], sum)), m[5]);
}

}  // namespace tl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
