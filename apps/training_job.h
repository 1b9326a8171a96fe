// TrainingJob: what a run works on: pictures, network, folder. Made in this order, each step said
// aloud, before the work starts.
#pragma once

#include "apps/picture_files.h"
#include "apps/run_folder.h"
#include "apps/starting_network.h"
#include "apps/train.h"
#include "io/dataset.h"

namespace tl {

struct TrainingJob {
  /// Reads the pictures' names and the weights, makes the run's folder; prints a line or two on
  /// each. Throws Error.
  explicit TrainingJob(const TrainOptions& options);

  const TrainOptions options;  ///< with the learning rate that is used
  const Device device;
  const Dataset data;
  const StartingNetwork start;
  const RunFolder folder;
  BrokenPictures broken;

  std::int64_t classes() const { return std::ssize(data.classes); }
  ResNet& network() const { return *start.network; }
  ModelInfo info() const { return {data.classes, start.preprocessing}; }
  /// [height, width, channels] of a preprocessed picture.
  Shape picture() const { return {start.preprocessing.crop, start.preprocessing.crop, 3}; }
};

}  // namespace tl
