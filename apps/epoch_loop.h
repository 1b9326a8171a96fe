// run_epochs: the loop over epochs that all ways of training share.
#pragma once

#include "apps/training_method.h"

namespace tl {

struct BestEpoch {
  int epoch = 0;
  Score score;
  Predictions predictions;  ///< of the validation pictures, or without any of the training pictures
};

/// Whether an epoch replaces the best so far: by its quality, of equal ones by the smaller loss.
bool is_better(double quality, double loss, double best_quality, double best_loss);

/// Trains until the epochs are over, the signal comes, or the loss is no longer finite. After every
/// epoch: a line on standard output, one in metrics.jsonl, and the state saved as the last, and as
/// the best where it is: by accuracy (with balanced class weights: by balanced accuracy), of equal
/// ones the smaller loss. An epoch that the signal cut short counts only if it is the first. Throws
/// Error when no epoch ended well.
BestEpoch run_epochs(const TrainingJob& job, TrainingMethod& method, const StopSignal& stop);

}  // namespace tl
