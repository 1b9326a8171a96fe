// The built-in variables. The scheduler sets them each time it goes on with another thread. They
// are ordinary globals, so that a debugger can print them and test them in conditions.
#pragma once

#include "kernels/simt/vector_types.h"

namespace tl::simt {

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

}  // namespace tl::simt
