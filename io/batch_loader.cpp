#include "io/batch_loader.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "kernels/error.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

std::vector<int64_t> in_order(size_t n) {
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

/// Loads one picture; what is wrong with it, or "". Anything but Error is no fault of the picture
/// and goes to the caller.
std::string load_picture(const Sample& sample, const Preprocessing& preprocessing,
                         const std::optional<Augmentation>& augmentation, int64_t index,
                         float* out) {
  try {
    const Image x = read_picture(sample);
    if (augmentation) {
      augment(x, preprocessing, *augmentation, index, out);
    } else {
      preprocess(x, preprocessing, out);
    }
    return "";
  } catch (const Error& error) {
    return cause_of(error, sample);
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
  for (const int64_t index : order_) {
    check(index >= 0 && index < static_cast<int64_t>(samples_.size()), "batch loader: index ",
          index, " of ", samples_.size(), " samples");
  }
}

void BatchLoader::load(std::span<const int64_t> indices, Batch& batch) {
  const auto picture = static_cast<size_t>(preprocessing_.size());
  batch.pixels.resize(indices.size() * picture);
  std::vector<std::string> causes(indices.size());
  parallel_for(std::ssize(indices), [&](int64_t row, int) {
    const auto r = static_cast<size_t>(row);
    causes[r] = load_picture(samples_[static_cast<size_t>(indices[r])], preprocessing_,
                             options_.augmentation, indices[r], batch.pixels.data() + r * picture);
  });
  size_t kept = 0;
  for (size_t row = 0; row < indices.size(); ++row) {
    const Sample& sample = samples_[static_cast<size_t>(indices[row])];
    if (!causes[row].empty()) {
      failures_.push_back({indices[row], sample.path, std::move(causes[row])});
      continue;
    }
    float* pixels = batch.pixels.data();
    if (kept != row) {  // close the gap of a picture that failed
      std::memmove(pixels + kept * picture, pixels + row * picture, picture * sizeof(float));
    }
    batch.labels.push_back(sample.label);
    batch.indices.push_back(indices[row]);
    ++kept;
  }
  batch.pixels.resize(kept * picture);
}

bool BatchLoader::next(Batch& batch) {
  batch.labels.clear();
  batch.indices.clear();
  while (position_ < order_.size() && batch.size() == 0) {
    const size_t rows =
        std::min(static_cast<size_t>(options_.batch_size), order_.size() - position_);
    const auto indices = std::span(order_).subspan(position_, rows);
    position_ += rows;
    load(indices, batch);
  }
  if (batch.size() == 0) batch.pixels.clear();
  return batch.size() > 0;
}

}  // namespace tl
