// The loops that find out what a processor can do at most: multiply-adds from register to register,
// and reading, writing and copying of memory. On the SIMD target in force, in the calling thread.
#pragma once

#include <cstdint>

namespace tl {

/// Makes `steps` turns of a loop of independent multiply-adds in f32; returns how many operations
/// that were, a multiplication and an addition counting as two.
double multiply_add_loop(std::int64_t steps);

/// Ways to use memory. copy reads the first half of a buffer and writes the second.
enum class MemoryUse { read, write, copy };

/// Goes once over `size` floats, a multiple of 512, aligned to 64 bytes.
void memory_loop(MemoryUse use, float* data, std::int64_t size);

}  // namespace tl
