// Yardstick: another library that computes the same, to be timed in the same process. Each lives in
// a plugin of its own, libtlbench_<name>.so beside tlbench, so that neither tlrun nor our libraries
// need it, and tlbench starts without it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/conv2d.h"
#include "kernels/gemm.h"

namespace tl {

/// One problem in a library's hands, its operands copied into the layouts it likes best.
class YardstickRun {
 public:
  virtual ~YardstickRun() = default;
  /// "onednn", or "onednn_winograd" where a library has more than one way.
  virtual const char* name() const = 0;
  virtual void run(int copy) = 0;
  /// What run(0) computed, in the contract's layout.
  virtual std::vector<float> output() = 0;
};
using YardstickRuns = std::vector<std::unique_ptr<YardstickRun>>;

/// Operands are f32 in host memory, in the contract's layouts; one pointer per copy.
struct GemmOperands {
  std::vector<const float*> a, b;
  const float* bias = nullptr;
};

enum class Conv2dPass { forward, backward_data, backward_weight };

/// Those that the pass reads: x and w; dy (as y) and w; x and dy.
struct Conv2dOperands {
  std::vector<const float*> x, w, y;
  const float *bias = nullptr, *residual = nullptr;
};

class Yardstick {
 public:
  virtual ~Yardstick() = default;
  virtual const char* name() const = 0;
  /// "2.6.3, OpenMP, avx512_core": the version, and what it computes with.
  virtual std::string version() const = 0;
  virtual void set_thread_count(int threads) = 0;
  /// Every way that the library has; none where it does not compute the problem.
  virtual YardstickRuns gemm(const GemmProblem& p, const GemmOperands& operands) = 0;
  virtual YardstickRuns conv2d(Conv2dPass pass, const Conv2dProblem& p,
                               const Conv2dOperands& operands) = 0;
};

/// What a plugin exports. `simd_target` is the name of ours (kernels/cpu/simd_target.h): a library
/// that can is held to the same instruction set. The yardstick lives as long as the program.
using YardstickEntry = Yardstick* (*)(const char* simd_target);
inline constexpr const char* kYardstickEntry = "tlbench_yardstick";

}  // namespace tl
