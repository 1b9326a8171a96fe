// The backends that a test runs on besides `ref`.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/gpu.h"
#include "tests/support/is_tested.h"

namespace tl::test {

/// Every backend of this build that is to be tested, each to be compared with ref in f64. A kernel
/// that a backend does not have yet is an empty slot: the test passes over it.
inline const std::vector<Backend>& tested_backends() {
  static const std::vector<Backend> backends = [] {
    std::vector<Backend> all = {
        ref_backend(),
        cpu_backend(),
#ifdef TL_WITH_SIMT
        simt_backend(),
#endif
    };
#ifdef TL_WITH_CUDA
    if (gpu_fault().empty()) all.push_back(cuda_backend());
#endif
    std::erase_if(all, [](const Backend& b) { return !is_tested(b.name); });
    REQUIRE(!all.empty());
    return all;
  }();
  return backends;
}

/// f64 `ref`, the yardstick.
inline const Backend& reference() {
  static const Backend backend = ref_backend();
  return backend;
}

/// Calls f() with the cpu kernels on each instruction set of this processor, then gives back the
/// one that was in force.
template <class F>
void for_each_simd_target(const F& f) {
  const std::string before = cpu::simd_target_name();
  for (const char* target : {"amx", "avx512", "avx2", "sse4", "baseline"}) {
    if (!cpu::has_simd_target(target)) continue;
    cpu::use_simd_target(target);
    CAPTURE(target);
    f();
  }
  cpu::use_simd_target(before);
}

/// Calls f(backend) for every tested backend, for `cpu` on every instruction set.
template <class F>
void for_each_backend(const F& f) {
  for (const Backend& backend : tested_backends()) {
    INFO("backend ", backend.name);
    if (std::string_view(backend.name) == "cpu") {
      for_each_simd_target([&] { f(backend); });
    } else {
      f(backend);
    }
  }
}

}  // namespace tl::test
