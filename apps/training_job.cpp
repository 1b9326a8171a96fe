#include "apps/training_job.h"

#include <cstdio>
#include <filesystem>

#include "apps/mixed_precision.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

/// What the options leave open: the usual rate, the model in the folder of a run.
TrainOptions completed(TrainOptions options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(options.weights, ignored))
    options.weights = find_model(options.weights).string();
  if (options.recipe.learning_rate == 0) options.recipe.learning_rate = usual_rate(options);
  return options;
}

/// Throws where the device cannot do what the options ask for, before any picture is read.
Device device_for(const TrainOptions& options) {
  const Device device = parse_device(options.device);
  activation_dtype(options.amp, device);
  return device;
}

Device announced(Device device) {
  std::printf("device    %s, %d threads\n", name_of(device), thread_count());
  return device;
}

Dataset read_data(const TrainOptions& options) {
  DatasetOptions how;
  how.val_fraction = options.val_fraction;
  how.seed = options.recipe.seed;
  Dataset data = open_dataset(options.data, how);
  std::printf("pictures  %s: %zu classes (%s), %zu for training, %zu for validation",
              options.data.c_str(), data.classes.size(), joined(data.classes, 8).c_str(),
              data.train.size(), data.val.size());
  if (!data.test.empty()) std::printf(", %zu for testing", data.test.size());
  std::printf("\n");
  for (const std::string& note : data.notes) std::printf("          %s\n", note.c_str());
  if (data.skipped > 0)
    std::printf("          other files, passed over: %lld\n", static_cast<long long>(data.skipped));
  return data;
}

}  // namespace

double usual_rate(const TrainOptions& options) {
  const bool pretrained = !options.trains_head_alone() && !options.weights.empty();
  return (pretrained ? 1e-4 : 1e-3) * (options.recipe.optimizer == "sgd" ? 10 : 1);
}

TrainingJob::TrainingJob(const TrainOptions& wanted)
    : options(completed(wanted)),
      device(announced(device_for(options))),
      data(read_data(options)),
      start(make_starting_network(options, classes(), device)),
      folder(options.out),
      broken(options.strict) {}

}  // namespace tl
