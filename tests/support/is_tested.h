// Which backends a test program is to run on.
#pragma once

#include <cstdlib>
#include <string_view>

namespace tl::test {

/// All of them, or with the environment variable TL_TEST_BACKEND that one alone. `ref` in f64, the
/// yardstick, runs in any case.
inline bool is_tested(std::string_view backend) {
  const char* const only = std::getenv("TL_TEST_BACKEND");
  return !only || backend == only;
}

}  // namespace tl::test
