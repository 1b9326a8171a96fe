// What CUDA's keywords become when a C++ compiler reads a kernel.
#pragma once

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))

// Blocks run one after the other, so that one static copy is the running block's own.
#define __shared__ static
