// Pretraining: how the demo's weights are made.
#pragma once

#include <cstdint>
#include <filesystem>

#include "engine/device.h"

namespace tl {

struct PretrainOptions {
  std::filesystem::path out;  ///< a model file, which train and predict take as well
  std::int64_t steps = 4000;
  Device device = Device::cpu;
  bool quiet = false;  ///< print nothing on the way
};

/// Trains the demo's network on the source task, on pictures of which it sees each once, and writes
/// it. The same bits on every run, for any number of threads.
void pretrain(const PretrainOptions& options);

}  // namespace tl
