// TrainingMethod: what the loop over epochs (epoch_loop.h) asks of a way of training. There are
// two: head_method.h computes the features of all pictures once and trains a head on them;
// network_method.h runs the pictures through the network in every epoch.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "apps/score.h"
#include "apps/stop_signal.h"
#include "apps/training_job.h"

namespace tl {

class TrainingMethod {
 public:
  virtual ~TrainingMethod() = default;

  /// One pass over the training pictures; nullopt when none could be read. May end early when the
  /// signal came.
  virtual std::optional<Score> run_epoch(int epoch) = 0;
  /// On the validation pictures; without any, on the training pictures.
  virtual Predictions evaluate() = 0;
  /// Of the last step.
  virtual double learning_rate() const = 0;

  /// Write the present state into the run's folder.
  virtual void save_best() = 0;
  virtual void save_last() = 0;
  /// Once, at the end: leaves best.h5 and last.h5 complete.
  virtual void finish() {}
};

/// Throws Error when the signal has come before anything was trained.
void refuse_if_stopped(const StopSignal& stop);

std::unique_ptr<TrainingMethod> make_head_method(TrainingJob& job, const StopSignal& stop);
std::unique_ptr<TrainingMethod> make_network_method(TrainingJob& job, const StopSignal& stop);

}  // namespace tl
