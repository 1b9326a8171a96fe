// The backends that a test runs on besides `ref`.
#pragma once

#include <vector>

#include "kernels/backend.h"

namespace tl::test {

/// Every backend of this build that computes in f32, each to be compared with ref in f64. A kernel
/// that a backend does not have yet is an empty slot: the test passes over it.
inline const std::vector<Backend>& tested_backends() {
  static const std::vector<Backend> backends = {
      ref_backend(),
      cpu_backend(),
#ifdef TL_WITH_SIMT
      simt_backend(),
#endif
  };
  return backends;
}

/// f64 `ref`, the yardstick.
inline const Backend& reference() {
  static const Backend backend = ref_backend();
  return backend;
}

}  // namespace tl::test
