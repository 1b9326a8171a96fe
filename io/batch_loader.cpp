// How the threads meet: pictures are numbered in loading order and handed to idle workers one by
// one. Batch b is built in slot b % queue_depth, so a worker waits while its batch is queue_depth
// or more ahead of the caller. Rows of a slot are disjoint memory; the mutex is held only to take a
// number and to report a finished row, and that report is what makes the row visible to the caller.
#include "io/batch_loader.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "kernels/error.h"

namespace tl {
namespace {

std::vector<int64_t> in_order(size_t n) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

/// Loads one picture; what is wrong with it, or "". Anything but Error is no fault of the picture
/// (memory has run out, say) and goes to the caller of next().
std::string load(const Sample& sample, const Preprocessing& preprocessing,
                 const std::optional<Augmentation>& augmentation, int64_t index, float* out) {
  try {
    const Image x = read_picture(sample);
    if (augmentation) {
      augment(x, preprocessing, *augmentation, index, out);
    } else {
      preprocess(x, preprocessing, out);
    }
    return "";
  } catch (const Error& error) {
    const std::string text = error.what(), prefix = sample.path.string() + ": ";
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
  }
}

}  // namespace

BatchLoader::BatchLoader(std::vector<Sample> samples, const Preprocessing& preprocessing,
                         const LoaderOptions& options)
    : BatchLoader(samples, in_order(samples.size()), preprocessing, options) {}

BatchLoader::BatchLoader(std::vector<Sample> samples, std::vector<int64_t> order,
                         const Preprocessing& preprocessing, const LoaderOptions& options)
    : samples_(std::move(samples)),
      order_(std::move(order)),
      preprocessing_(preprocessing),
      options_(options) {
  check(options_.batch_size > 0, "batch loader: batch size ", options_.batch_size,
        " must be positive");
  check(options_.workers >= 0, "batch loader: ", options_.workers, " workers");
  check(options_.queue_depth > 0, "batch loader: queue depth ", options_.queue_depth,
        " must be positive");
  for (const int64_t index : order_) {
    check(index >= 0 && index < static_cast<int64_t>(samples_.size()), "batch loader: index ",
          index, " of ", samples_.size(), " samples");
  }
  const int64_t depth = options_.workers == 0 ? 1 : options_.queue_depth;
  slots_.resize(static_cast<size_t>(std::min(depth, std::max<int64_t>(batches(), 1))));
  try {
    const auto count = std::min<size_t>(static_cast<size_t>(options_.workers), order_.size());
    for (size_t i = 0; i < count; ++i) workers_.emplace_back([this] { work(); });
  } catch (...) {  // no more threads: end those that run before their members go away
    stop();
    throw;
  }
}

BatchLoader::~BatchLoader() { stop(); }

void BatchLoader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

int64_t BatchLoader::batches() const {
  return (static_cast<int64_t>(order_.size()) + options_.batch_size - 1) / options_.batch_size;
}

int64_t BatchLoader::rows_of(int64_t batch) const {
  return std::min(options_.batch_size,
                  static_cast<int64_t>(order_.size()) - batch * options_.batch_size);
}

void BatchLoader::prepare(int64_t batch) {
  Slot& slot = slot_of(batch);
  const int64_t rows = rows_of(batch);
  slot.pixels.resize(static_cast<size_t>(rows * preprocessing_.size()));
  slot.causes.assign(static_cast<size_t>(rows), "");
  slot.rows_left = rows;
}

void BatchLoader::load_row(int64_t batch, int64_t row) {
  Slot& slot = slot_of(batch);
  const auto index =
      static_cast<size_t>(order_[static_cast<size_t>(batch * options_.batch_size + row)]);
  slot.causes[static_cast<size_t>(row)] =
      load(samples_[index], preprocessing_, options_.augmentation, static_cast<int64_t>(index),
           slot.pixels.data() + row * preprocessing_.size());
}

void BatchLoader::work() {
  try {
    load_until_done();
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    finished_.notify_one();
  }
}

void BatchLoader::load_until_done() {
  const int64_t depth = static_cast<int64_t>(slots_.size());
  std::unique_lock lock(mutex_);
  while (true) {
    room_.wait(lock, [&] {
      return stopping_ || next_batch_ == batches() || next_batch_ < taken_ + depth;
    });
    if (stopping_ || next_batch_ == batches()) return;
    const int64_t batch = next_batch_, row = next_row_;
    if (row == 0) prepare(batch);
    if (++next_row_ == rows_of(batch)) {
      ++next_batch_;
      next_row_ = 0;
    }
    lock.unlock();
    load_row(batch, row);
    lock.lock();
    if (--slot_of(batch).rows_left == 0) finished_.notify_one();
  }
}

/// Hands out batch `taken_`, less its failures.
bool BatchLoader::take(Batch& batch) {
  const int64_t number = taken_;
  Slot& slot = slot_of(number);
  if (workers_.empty()) {
    prepare(number);
    for (int64_t row = 0; row < rows_of(number); ++row) load_row(number, row);
  } else {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return error_ || (next_batch_ > number && slot.rows_left == 0); });
    if (error_) std::rethrow_exception(error_);
  }

  batch.labels.clear();
  batch.indices.clear();
  const int64_t row_size = preprocessing_.size();
  for (int64_t row = 0; row < rows_of(number); ++row) {
    const int64_t index = order_[static_cast<size_t>(number * options_.batch_size + row)];
    const Sample& sample = samples_[static_cast<size_t>(index)];
    if (std::string& cause = slot.causes[static_cast<size_t>(row)]; !cause.empty()) {
      failures_.push_back({index, sample.path, std::move(cause)});
      continue;
    }
    float* pixels = slot.pixels.data();
    if (batch.size() != row) {  // close the gap of a picture that failed
      std::memmove(pixels + batch.size() * row_size, pixels + row * row_size,
                   static_cast<size_t>(row_size) * sizeof(float));
    }
    batch.labels.push_back(sample.label);
    batch.indices.push_back(index);
  }
  batch.pixels.swap(slot.pixels);
  batch.pixels.resize(static_cast<size_t>(batch.size() * row_size));
  {
    const std::lock_guard lock(mutex_);
    ++taken_;
  }
  room_.notify_all();
  return batch.size() > 0;
}

bool BatchLoader::next(Batch& batch) {
  while (taken_ < batches()) {
    if (take(batch)) return true;
  }
  batch.pixels.clear();
  batch.labels.clear();
  batch.indices.clear();
  return false;
}

}  // namespace tl
