// What CUDA's keywords become when a C++ compiler reads a kernel.
#pragma once

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))

// Blocks run one after the other, so that one static copy is the running block's own. All of them
// lie in one section of the program, which shared_memory.h fills with NaN for every block.
#define __shared__ static __attribute__((section("tl_simt_shared")))
