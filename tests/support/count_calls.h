// Counts what an op asks of the kernels: how tests see that a gradient nobody wants costs nothing.
#pragma once

#include "engine/device.h"

namespace tl::test {

/// While it lives, matrix products on `ref` are counted. One at a time.
class CountGemm {
 public:
  CountGemm() : scope_(Device::ref, counting()) { reset(); }
  void reset() { calls_ = 0; }
  int calls() const { return calls_; }

 private:
  static Backend counting() {
    Backend b = backend(Device::ref);
    b.gemm = {};
    b.gemm.run.add({.name = "counting",
                    .supports = [](const GemmProblem&) { return true; },
                    .run =
                        [](Stream stream, const GemmProblem& p, const GemmArgs& args) {
                          ++calls_;
                          static const Backend plain = ref_backend();
                          plain.gemm.run.choose(p).run(stream, p, args);
                        }});
    return b;
  }
  inline static int calls_ = 0;  // variants are plain functions: there is nowhere else to count
  ScopedBackend scope_;
};

}  // namespace tl::test
