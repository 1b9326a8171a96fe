// tlbench kernels: each kernel of a device by itself, at the shapes of a ResNet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/device.h"

namespace tl {

struct KernelBenchOptions {
  Device device = Device::cpu;
  std::vector<std::string> only;  ///< names of kernels ("gemm", "conv2d.forward"); empty: all
  std::vector<std::string> dtypes = {"f32"};
  std::int64_t batch = 32;  ///< pictures
  bool tiny = false;        ///< shapes that a slow device gets through
  double seconds = 0.05;    ///< spent on one measurement
  double budget = 1e9;      ///< seconds after which nothing new is begun
  bool json = false;        ///< one object per line, each as soon as it is measured
};

/// Prints one line per kernel, variant, dtype and shape:
///
///   seconds      of one run: many are queued, then the queue is waited for, and the time of all is
///                divided by their number; the median of five such measurements
///   gflops       where multiplications and additions count (gemm, conv2d; two per pair)
///   gbytes       per second, of all buffers, each counted once
///   of_copy      the last in parts of what `memory.copy` moves per second on the device: the
///                roofline of kernels that memory holds up
///
/// Inputs are random: on constants a GPU draws less power and clocks higher.
void bench_kernels(const KernelBenchOptions& options);

}  // namespace tl
