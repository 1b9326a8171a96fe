// gemm "naive": the contract of kernels/gemm.h, three loops.
#include "kernels/ref/install.h"

namespace tl::ref {
namespace {

bool supports(const GemmProblem& p) { return is_float(p.dtype); }

/// One matrix of the batch.
template <class T>
void multiply(const GemmProblem& p, const T* a, const T* b, const Arithmetic<T>* bias, T* y) {
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      Arithmetic<T> sum = 0;
      for (std::int64_t l = 0; l < p.k; ++l) {
        sum += Arithmetic<T>{p.trans_a ? a[l * p.m + i] : a[i * p.k + l]} *
               (p.trans_b ? b[j * p.k + l] : b[l * p.n + j]);
      }
      y[i * p.n + j] = static_cast<T>(bias ? sum + bias[j] : sum);
    }
  }
}

void run(Stream, const GemmProblem& p, const GemmArgs& args) {
  with_float_or_bf16("gemm", p.dtype, [&]<class T>(T) {
    const auto* bias = p.bias ? args.bias.as<Arithmetic<T>>() : nullptr;
    for (std::int64_t t = 0; t < p.batch; ++t) {
      multiply(p, args.a.as<T>() + t * p.m * p.k, args.b.as<T>() + t * p.k * p.n, bias,
               args.y.as<T>() + t * p.m * p.n);
    }
  });
}

}  // namespace

void install_gemm(Backend& b) {
  b.gemm.run.add({.name = "naive", .supports = supports, .run = run});
}

}  // namespace tl::ref
