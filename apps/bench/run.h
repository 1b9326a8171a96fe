// tlbench run: the kernels of a device one by one, on the problems of a network or a file, with all
// their variants and beside the yardsticks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/device.h"

namespace tl {

struct RunBenchOptions {
  std::string op = "all";             ///< "all", a contract ("conv2d") or a slot ("conv2d.forward")
  std::string shapes = "resnet50";    ///< a network or a file (problem.h says what is in it)
  std::vector<std::string> problems;  ///< lines as in such a file, instead of it
  std::int64_t batch = 32, size = 224;  ///< pictures of a network; their height and width
  bool fused = false;                   ///< its convolutions with bias and ReLU
  std::string variant = "all";          ///< "all", "chosen", or a name
  std::vector<std::string> dtypes = {"f32"};
  Device device = Device::cpu;
  double seconds = 0.5;    ///< measured per variant and problem
  double budget = 1e9;     ///< seconds after which nothing new is begun
  bool yardsticks = true;  ///< on the cpu, in f32
  bool once = false;       ///< one run of each, unmeasured: for profilers
  bool json = false;       ///< one object per line, each as soon as it is measured
};

/// What `op` may be besides "all".
std::vector<std::string> bench_ops();

/// Verifies every variant, then measures and prints it. Returns false when one was wrong: its
/// relative error against `ref` in f64 is above 1e-3 in f32 (1e-2 where it rounds more by its
/// nature, 2e-2 in bf16). Then it is named on standard error and not measured. A printed line has
///
///   error      relative, over a sample of the very result (bench_case.h)
///   seconds    of a run: median, least and most; spread: what half of the runs lie within, in
///              parts of the median. Operands change from run to run, more of them than the
///              last-level cache holds
///   gflops     where multiplications and additions count (gemm, conv2d; two per pair)
///   gbytes     per second, of all buffers, each counted once
///   of_copy    that in parts of what `memory.copy` moves on the device
///   of_roofline  the time that the measured multiply-add peak and the fastest way to use memory
///              allow, in parts of the median; without a peak (not on the cpu) by memory.copy
///              alone; Winograd variants, which multiply less than is counted, may be above 1
///   speed_over   how many times as fast as each yardstick at its best
///
/// and the names of kernel, variant, dtype, device and problem.
bool bench_run(const RunBenchOptions& options);

}  // namespace tl
