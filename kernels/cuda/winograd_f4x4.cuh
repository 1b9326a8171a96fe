// WinogradF4x4: as winograd_f2x2.cuh, four outputs from six inputs with six multiplications instead
// of twelve. 36 multiplications make 4x4 outputs, where a direct sum takes 144.
//
// The points are 0, 1, -1, 1/2, -2 and infinity: against the usual 0, 1, -1, 2, -2 the numbers that
// cancel are smaller, and the error of a result is about half.
//
//         [ 1 -3/2  -2  3/2  1  0 ]        [    1      0      0   ]          [ 1  1  1   1   1  0 ]
//         [ 0  -1  1/2  5/2  1  0 ]        [   1/3    1/3    1/3  ]    A^T = [ 0  1 -1  1/2 -2  0 ]
//   B^T = [ 0   1 -5/2  1/2  1  0 ]    G = [  -1/3    1/3   -1/3  ]          [ 0  1  1  1/4  4  0 ]
//         [ 0  -2  -1    2   1  0 ]        [ -16/15  -8/15  -4/15 ]          [ 0  1 -1  1/8 -8  1 ]
//         [ 0  1/2 -1  -1/2  1  0 ]        [   1/15  -2/15   4/15 ]
//         [ 0   1 -3/2  -2  3/2 1 ]        [    0      0      1   ]
//
// The gradient of the filter is F(3, 4) on the same points: 3x3 results, the taps are 4x4 pixels of
// dy. The input transform is the same, G has a column for the third power, and A^T three rows.
#pragma once

#include "kernels/cuda/compat.cuh"

namespace tl::TL_DEVICE_NAMESPACE {

struct WinogradF4x4 {
  static constexpr int kOutputs = 4, kPoints = 6;

  /// B^T d.
  static __device__ void inputs(const float (&d)[kPoints], float (&out)[kPoints]) {
    const float d42 = d[4] - d[2], d31 = d[3] - d[1];
    const float even = 1.5f * d[3] + d42;  // what rows 1 and 2 share
    const float odd = 1.5f * d[2] + d31;   // and what they differ in
    out[0] = 1.5f * d31 + ((d[0] - d[2]) + d42);
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = 2.0f * d31 + d42;
    out[4] = d42 - 0.5f * d31;
    out[5] = 1.5f * d42 + ((d[5] - d[3]) - d31);
  }

  /// G g.
  static __device__ void taps(const float (&g)[3], float (&out)[kPoints]) {
    constexpr float kThird = 1.0f / 3;
    const float outer = g[0] + g[2];
    out[0] = g[0];
    out[1] = kThird * (outer + g[1]);
    out[2] = kThird * (g[1] - outer);
    out[3] = -16.0f / 15 * (0.25f * g[2] + (0.5f * g[1] + g[0]));
    out[4] = 1.0f / 15 * (4.0f * g[2] + (g[0] - 2.0f * g[1]));
    out[5] = g[2];
  }

  /// A^T m.
  static __device__ void outputs(const float (&m)[kPoints], float (&out)[kOutputs]) {
    const float sum = m[1] + m[2], difference = m[1] - m[2];
    out[0] = (m[0] + sum) + (m[3] + m[4]);
    out[1] = 0.5f * m[3] + (difference - 2.0f * m[4]);
    out[2] = 0.25f * m[3] + (4.0f * m[4] + sum);
    out[3] = (0.125f * m[3] + (difference - 8.0f * m[4])) + m[5];
  }

  /// G g of F(3, 4).
  static __device__ void gradients(const float (&g)[kOutputs], float (&out)[kPoints]) {
    constexpr float kThird = 1.0f / 3;
    const float even = g[0] + g[2], odd = g[1] + g[3];
    out[0] = g[0];
    out[1] = kThird * (even + odd);
    out[2] = kThird * (odd - even);
    out[3] = -16.0f / 15 * (0.5f * (0.25f * g[3] + g[1]) + (0.25f * g[2] + g[0]));
    out[4] = 1.0f / 15 * ((4.0f * g[2] + g[0]) - 2.0f * (4.0f * g[3] + g[1]));
    out[5] = g[3];
  }

  /// A^T m of F(3, 4).
  static __device__ void tap_gradients(const float (&m)[kPoints], float (&out)[3]) {
    const float sum = m[1] + m[2], difference = m[1] - m[2];
    out[0] = (m[0] + sum) + (m[3] + m[4]);
    out[1] = 0.5f * m[3] + (difference - 2.0f * m[4]);
    out[2] = (0.25f * m[3] + (4.0f * m[4] + sum)) + m[5];
  }
};

}  // namespace tl::TL_DEVICE_NAMESPACE
