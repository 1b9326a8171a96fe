// BatchLoader: pictures from disk, decoded and preprocessed, batch by batch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/augment.h"
#include "io/dataset.h"
#include "io/preprocess.h"

namespace tl {

/// n pictures in the order in which the loader was told to load them.
struct Batch {
  std::vector<float> pixels;     // [n, crop, crop, 3]
  std::vector<int32_t> labels;   // [n]
  std::vector<int64_t> indices;  // [n], positions in the list of samples

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

/// A picture that could not be loaded.
struct LoadFailure {
  int64_t index = 0;  // position in the list of samples
  std::filesystem::path path;
  std::string cause;  // "truncated JPEG"
};

struct LoaderOptions {
  int64_t batch_size = 32;
  std::optional<Augmentation> augmentation = {};  // in place of preprocess's centre crop
};

/// One pass over samples in a given order. Batch k holds the pictures order[k * batch_size ...].
/// One that cannot be loaded is left out and recorded: its batch is that much smaller, the others
/// stay as they are; a batch of which nothing is left is passed over.
class BatchLoader {
 public:
  /// Throws Error when a size is not positive or an index is outside the list.
  BatchLoader(std::vector<Sample> samples, std::vector<int64_t> order,
              const Preprocessing& preprocessing, const LoaderOptions& options);
  /// All samples in their own order.
  BatchLoader(std::vector<Sample> samples, const Preprocessing& preprocessing,
              const LoaderOptions& options);

  /// Loads the next batch into `batch`, by parallel_for over its pictures; false at the end (then
  /// `batch` is empty). Throws what is no fault of a picture (memory ran out).
  bool next(Batch& batch);

  /// Pictures that failed in the batches up to the last one handed out, in loading order.
  const std::vector<LoadFailure>& failures() const { return failures_; }

 private:
  void load(std::span<const int64_t> indices, Batch& batch);

  const std::vector<Sample> samples_;
  const std::vector<int64_t> order_;
  const Preprocessing preprocessing_;
  const LoaderOptions options_;
  std::vector<LoadFailure> failures_;
  size_t position_ = 0;  // in order_
};

}  // namespace tl
