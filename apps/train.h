// tlrun train: a new head on a frozen, pretrained ResNet.
#pragma once

#include <cstdint>
#include <string>

#include "engine/device.h"

namespace tl {

struct TrainOptions {
  std::string weights;            ///< file; empty: random weights of `arch`
  std::string arch = "resnet18";  ///< used without weights
  std::string data;               ///< folder of pictures
  std::string out;                ///< folder of the run; empty: runs/N
  std::string device = "cpu";
  int epochs = 10;
  std::int64_t batch_size = 32;
  double learning_rate = 1e-3;
  double val_fraction = 0.2;  ///< where the data has no validation folder
  std::uint64_t seed = 0;
};

/// Prints what it does, writes best.h5 into the run's folder. Throws Error.
void train(const TrainOptions& options);

}  // namespace tl
