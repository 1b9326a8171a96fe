// OpenBLAS: gemm by cblas_sgemm.
#include <cblas.h>

#include <algorithm>
#include <cstdlib>

#include "apps/bench/yardsticks/yardstick.h"

namespace tl {
namespace {

class Sgemm : public YardstickRun {
 public:
  Sgemm(const GemmProblem& p, const GemmOperands& operands)
      : p_(p),
        operands_(operands),
        y_(operands.a.size(), std::vector<float>(static_cast<std::size_t>(p.batch * p.m * p.n))) {}

  const char* name() const override { return "openblas"; }

  void run(int copy) override {
    const auto i = static_cast<std::size_t>(copy);
    for (std::int64_t t = 0; t < p_.batch; ++t) {
      multiply(operands_.a[i] + t * p_.m * p_.k, operands_.b[i] + t * p_.k * p_.n,
               y_[i].data() + t * p_.m * p_.n);
    }
  }

  std::vector<float> output() override { return y_[0]; }

 private:
  void multiply(const float* a, const float* b, float* y) const {
    if (operands_.bias) {
      for (std::int64_t row = 0; row < p_.m; ++row)
        std::copy_n(operands_.bias, p_.n, y + row * p_.n);
    }
    const auto size = [](std::int64_t n) { return static_cast<blasint>(n); };
    cblas_sgemm(CblasRowMajor, p_.trans_a ? CblasTrans : CblasNoTrans,
                p_.trans_b ? CblasTrans : CblasNoTrans, size(p_.m), size(p_.n), size(p_.k), 1, a,
                size(p_.trans_a ? p_.m : p_.k), b, size(p_.trans_b ? p_.k : p_.n),
                operands_.bias ? 1.0F : 0.0F, y, size(p_.n));
  }

  GemmProblem p_;
  GemmOperands operands_;
  std::vector<std::vector<float>> y_;
};

class OpenBlas : public Yardstick {
 public:
  const char* name() const override { return "openblas"; }
  /// "OpenBLAS 0.3.21 ... DYNAMIC_ARCH ... SkylakeX MAX_THREADS=64", shortened.
  std::string version() const override {
    const std::string config = openblas_get_config();
    const std::size_t begin = std::min(config.find(' ') + 1, config.size());
    return config.substr(begin, config.find(' ', begin) - begin) + ", pthreads, " +
           openblas_get_corename();
  }
  void set_thread_count(int threads) override { openblas_set_num_threads(threads); }
  YardstickRuns gemm(const GemmProblem& p, const GemmOperands& operands) override {
    YardstickRuns runs;
    runs.push_back(std::make_unique<Sgemm>(p, operands));
    return runs;
  }
  YardstickRuns conv2d(Conv2dPass, const Conv2dProblem&, const Conv2dOperands&) override {
    return {};
  }
};

}  // namespace
}  // namespace tl

extern "C" tl::Yardstick* tlbench_yardstick(const char*) {
  static tl::OpenBlas yardstick;
  return &yardstick;
}
