// BatchLoader: pictures decoded and preprocessed by worker threads while the caller computes.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
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
  int workers = 1;                                // 0: next() loads in the calling thread
  int queue_depth = 2;                            // batches that workers may be ahead
  std::optional<Augmentation> augmentation = {};  // in place of preprocess's centre crop
};

/// One pass over samples in a given order. Batch k holds the pictures order[k * batch_size ...],
/// whatever the number of workers. One that cannot be loaded is left out and recorded: its batch is
/// that much smaller, the others stay as they are; a batch of which nothing is left is passed over.
/// At most queue_depth + 1 batches exist at a time. One thread calls next(); the destructor may run
/// at any time and waits only for pictures that are being decoded.
class BatchLoader {
 public:
  /// Throws Error when a size is not positive or an index is outside the list.
  BatchLoader(std::vector<Sample> samples, std::vector<int64_t> order,
              const Preprocessing& preprocessing, const LoaderOptions& options);
  /// All samples in their own order.
  BatchLoader(std::vector<Sample> samples, const Preprocessing& preprocessing,
              const LoaderOptions& options);
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;
  ~BatchLoader();

  /// The next batch into `batch`, whose memory is taken back for a later one; false at the end
  /// (then `batch` is empty).
  /// Throws what ended a worker (memory ran out).
  bool next(Batch& batch);

  /// Pictures that failed in the batches up to the last one handed out, in loading order.
  const std::vector<LoadFailure>& failures() const { return failures_; }

 private:
  /// A batch under construction: rows are filled in any order, each by one thread.
  struct Slot {
    std::vector<float> pixels;
    std::vector<std::string> causes;  // per row; empty: loaded
    int64_t rows_left = 0;
  };

  int64_t batches() const;
  int64_t rows_of(int64_t batch) const;
  Slot& slot_of(int64_t batch) { return slots_[static_cast<size_t>(batch) % slots_.size()]; }
  void prepare(int64_t batch);
  void load_row(int64_t batch, int64_t row);
  void work();
  void load_until_done();
  void stop();
  bool take(Batch& batch);

  const std::vector<Sample> samples_;
  const std::vector<int64_t> order_;
  const Preprocessing preprocessing_;
  const LoaderOptions options_;
  std::vector<LoadFailure> failures_;  // the calling thread's

  std::vector<Slot> slots_;
  std::mutex mutex_;                  // guards what follows and Slot::rows_left
  std::condition_variable room_;      // a slot became free, or stopping_
  std::condition_variable finished_;  // a batch was completed
  int64_t next_batch_ = 0;            // the picture that the next idle worker takes
  int64_t next_row_ = 0;
  int64_t taken_ = 0;  // batches below this have been handed out
  bool stopping_ = false;
  std::exception_ptr error_;  // what ended a worker; none of the expected failures does
  std::vector<std::thread> workers_;
};

}  // namespace tl
