// Which GPU the process uses. In library tl_cuda.
#pragma once

#include <string>

namespace tl {

/// Why no GPU can be used on this machine, in CUDA's words; "" if one can. The answer of the first
/// call holds for the life of the process.
std::string gpu_fault();

/// From now on GPU number `number`, counted from 0, is the only one that this process sees. Throws
/// where there is no such GPU, or when another one is in use already.
void use_gpu(int number);

}  // namespace tl
