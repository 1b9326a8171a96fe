// TrainingStep: forward, backward and update of a network for one batch; captured where the device
// can, so that all of it is issued in one call.
#pragma once

#include <cstdint>

#include "apps/batch_upload.h"
#include "apps/recipe.h"
#include "engine/captured_step.h"
#include "nn/module.h"

namespace tl {

class TrainingStep {
 public:
  /// The network and the descent must outlive it. Batches of `batch_size` are captured; others,
  /// such as an epoch's last, run as they stand.
  TrainingStep(Module& network, Descent& descent, std::int64_t batch_size, Device device);

  struct Result {
    Tensor loss;    ///< scalar, before the update
    Tensor logits;  ///< [n, classes]
  };
  /// Issues the step; the result holds until the next one.
  Result operator()(const DeviceBatch& batch);

 private:
  Result run(const DeviceBatch& batch);

  Module& network_;
  Descent& descent_;
  std::int64_t batch_size_;
  Device device_;
  DeviceBatch input_;  // of the captured form
  Result result_;
  CapturedStep captured_;
};

}  // namespace tl
