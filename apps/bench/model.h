// tlbench model: how long a whole network takes, on random pictures that are in memory already.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tl {

struct ModelBenchOptions {
  std::string arch = "resnet18", mode = "infer", device = "cpu", amp = "off";
  std::int64_t batch = 32, size = 224;  ///< pictures; their height and width
  int runs = 10, threads = 0;           ///< threads 0: all that this process may use
  bool json = false, profile = false, autotune = false;
  std::string trace;                  ///< a file for Perfetto; "": none
  std::vector<std::string> variants;  ///< "conv2d=implicit_gemm"
};

/// Prints images per second: in mode "infer" of the features of a frozen ResNet, in mode "train" of
/// a step of full fine-tuning (forward, backward, SGD with momentum), then with the memory that
/// training adds at its peak to what pictures, parameters and the optimizer's state have taken
/// before the first step.
void bench_model(const ModelBenchOptions& options);

}  // namespace tl
