// WinogradF2x2: the one-dimensional transforms of Winograd's convolution F(2, 3): two outputs of a
// filter of three taps from four inputs, with four multiplications instead of six.
// Source: Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks", 2016.
//
//   y = A^T [ (G g) * (B^T d) ]                     * element by element
//
// A convolution is a product of polynomials, evaluated at some points, multiplied there, and
// interpolated. The points here are 0, 1, -1 and infinity:
//
//         [ 1  0 -1  0 ]        [  1    0    0  ]          [ 1  1  1  0 ]
//   B^T = [ 0  1  1  0 ]    G = [ 1/2  1/2  1/2 ]    A^T = [ 0  1 -1  1 ]
//         [ 0 -1  1  0 ]        [ 1/2 -1/2  1/2 ]
//         [ 0 -1  0  1 ]        [  0    0    1  ]
//
// In two dimensions each is applied to columns, then to rows: 16 multiplications make 2x2 outputs,
// where a direct sum takes 36. Sums of integers stay exact.
#pragma once

#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

struct WinogradF2x2 {
  static constexpr int kOutputs = 2, kPoints = 4;

  /// B^T d.
  static __device__ void inputs(const float (&d)[kPoints], float (&out)[kPoints]) {
    out[0] = d[0] - d[2];
    out[1] = d[1] + d[2];
    out[2] = d[2] - d[1];
    out[3] = d[3] - d[1];
  }

  /// G g.
  static __device__ void taps(const float (&g)[3], float (&out)[kPoints]) {
    const float outer = 0.5f * (g[0] + g[2]), middle = 0.5f * g[1];
    out[0] = g[0];
    out[1] = outer + middle;
    out[2] = outer - middle;
    out[3] = g[2];
  }

  /// A^T m.
  static __device__ void outputs(const float (&m)[kPoints], float (&out)[kOutputs]) {
    out[0] = m[0] + m[1] + m[2];
    out[1] = m[1] - m[2] + m[3];
  }
};

}  // namespace tl::TL_DEVICE_NAMESPACE
