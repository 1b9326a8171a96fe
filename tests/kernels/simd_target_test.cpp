// The instruction set of the cpu kernels: by name, and by TL_SIMD once per process.
#include "kernels/cpu/simd_target.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "kernels/backend.h"

namespace tl {
namespace {

TEST_CASE("use_simd_target takes the names of sets, and \"\" for the best") {
  const std::string before = cpu::simd_target_name();
  for (const char* name : {"amx", "avx512", "avx2", "sse4", "baseline"}) {
    if (!cpu::has_simd_target(name)) {
      CHECK_THROWS_AS(cpu::use_simd_target(name), Error);
      continue;
    }
    cpu::use_simd_target(name);
    CHECK(cpu::simd_target_name() == std::string(name));
  }
  CHECK(cpu::has_simd_target("baseline"));
  CHECK_THROWS_WITH_AS(cpu::use_simd_target("mmx"),
                       "TL_SIMD: expected amx, avx512, avx2, sse4 or baseline, found 'mmx'", Error);
  cpu::use_simd_target(before);
}

TEST_CASE("TL_SIMD is looked at once: a later backend leaves the set in force alone") {
  (void)cpu_backend();
  const std::string before = cpu::simd_target_name();
  const char* variable = std::getenv("TL_SIMD");
  const std::string value = variable ? variable : "";
  cpu::use_simd_target("baseline");
  ::setenv("TL_SIMD", "", true);  // the best there is
  (void)cpu_backend();
  CHECK(cpu::simd_target_name() == std::string("baseline"));
  variable ? ::setenv("TL_SIMD", value.c_str(), true) : ::unsetenv("TL_SIMD");
  cpu::use_simd_target(before);
}

}  // namespace
}  // namespace tl
