// Which instruction set the Highway kernels of this folder run on. Included before Highway by every
// file that uses it, because it also says for which sets they are compiled: AVX-512, AVX2, SSE4 and
// the baseline, which is whatever the compiler builds for without being asked (SSE2 on x86-64).
#pragma once

#include <string_view>

// The sets between these would lengthen compilation and help few machines. Sanitizer builds have
// fewer still (CMakeLists.txt).
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#endif

namespace tl::cpu {

/// Restricts the kernels to "amx" (AVX-512 and the matrix unit, amx.h), "avx512", "avx2", "sse4" or
/// "baseline"; "" stands for the best the processor has. Throws when the name is unknown or the
/// processor lacks the set. Not to be called while a kernel runs, nor between a variant's prepare
/// and run: prepared weights are laid out for the set in force when they are made, and nothing in
/// them tells a kernel for another set so.
void use_simd_target(std::string_view name);

/// Whether use_simd_target(name) would succeed.
bool has_simd_target(std::string_view name);

/// use_simd_target(environment variable TL_SIMD), where that is set; the first call only.
void use_simd_target_from_environment();

/// The set in force, by the names above.
const char* simd_target_name();

}  // namespace tl::cpu
