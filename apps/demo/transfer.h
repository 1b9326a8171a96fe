// Three ways to a classifier of a hundred pictures: what the demo compares.
#pragma once

#include <string>
#include <vector>

#include "apps/demo/tasks.h"
#include "engine/device.h"

namespace tl {

enum class Method {
  scratch,    ///< all weights random, all trained
  head,       ///< pretrained backbone, frozen; a head trained on its features
  fine_tuned  ///< the same, then all weights but the batch norms' trained a little further
};

inline constexpr Method kMethods[] = {Method::scratch, Method::head, Method::fine_tuned};
std::string name_of(Method method);

struct Outcome {
  double accuracy = 0;
  double balanced_accuracy = 0;
  double f1 = 0;  ///< mean over the classes
  double seconds = 0;

  /// Exact: all but the time, which never repeats.
  bool same_answers(const Outcome& other) const {
    return accuracy == other.accuracy && balanced_accuracy == other.balanced_accuracy &&
           f1 == other.f1;
  }
};

/// How long to train: what the demo uses, and what a test of it may shorten.
struct TransferOptions {
  int scratch_epochs = 100;
  int head_epochs = 30;
  int fine_tuning_epochs = 10;
  Device device = Device::cpu;
};

/// Trains on `training`, classes weighing the same however many pictures they have, all views of
/// views.h in use; `seconds` is the time of that. Then judges by `test`. The same bits on every
/// run, for any number of threads.
Outcome run_method(Method method, std::int64_t classes, const PictureSet& training,
                   const PictureSet& test, std::uint64_t seed, const TransferOptions& options = {});

}  // namespace tl
