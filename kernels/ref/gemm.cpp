// gemm "naive": the contract of kernels/gemm.h, three loops.
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

bool supports(const GemmProblem& p) { return p.dtype == DType::f32 || p.dtype == DType::f64; }

void run(Stream, const GemmProblem& p, const GemmArgs& args) {
  with_float("gemm", p.dtype, [&]<class T>(T) {
    const T* a = args.a.as<T>();
    const T* b = args.b.as<T>();
    const T* bias = p.bias ? args.bias.as<T>() : nullptr;
    T* y = args.y.as<T>();
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        T sum = 0;
        for (std::int64_t l = 0; l < p.k; ++l) {
          sum += (p.trans_a ? a[l * p.m + i] : a[i * p.k + l]) *
                 (p.trans_b ? b[j * p.k + l] : b[l * p.n + j]);
        }
        y[i * p.n + j] = bias ? sum + bias[j] : sum;
      }
    }
  });
}

}  // namespace

void install_gemm(Backend& b) {
  b.gemm.run.add({.name = "naive", .supports = supports, .run = run});
}

}  // namespace tl::ref
