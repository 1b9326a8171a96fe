// A pass over the samples alternates between next() and finish(): begin there.
#include "apps/file_features.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "apps/batch_upload.h"
#include "io/file_bytes.h"
#include "kernels/parallel_for.h"

namespace tl {
namespace {

/// What became of one sample.
struct Outcome {
  Digest digest;
  std::span<const float> known;  ///< features from the cache; without them the pixels were made
  std::string fault;
};

std::span<const std::byte> bytes_of(const std::vector<std::uint8_t>& values) {
  return std::as_bytes(std::span(values));
}

class Pass {
 public:
  Pass(const std::vector<Sample>& samples, const Preprocessing& preprocessing, FeatureCache& cache,
       BrokenPictures& broken, const std::function<void(std::int64_t)>& progress)
      : samples_(samples),
        preprocessing_(preprocessing),
        cache_(cache),
        broken_(broken),
        progress_(progress) {
    features.columns = cache.columns();
  }

  /// Reads on until there is a batch to compute, whose pixels go where place(size of the batch)
  /// says. Returns the rows of `features` that it is for: none at the end; fewer than its size
  /// where the rest of it is zeros.
  template <class Place>
  std::vector<std::int64_t> next(const Place& place) {
    std::vector<std::int64_t> rows;
    const std::int64_t all = std::ssize(samples_),
                       in_full_batches = all / kFeatureBatch * kFeatureBatch;
    while (rows.empty() && done_ < all) {
      const bool is_full = done_ < in_full_batches;
      const std::int64_t size = is_full ? kFeatureBatch : all - in_full_batches;
      const std::int64_t end = is_full ? in_full_batches : all;
      float* pixels = place(size);
      while (std::ssize(rows) < size && done_ < end)
        read(std::min(size - std::ssize(rows), end - done_), size, pixels, rows);
      std::fill(pixels + std::ssize(rows) * preprocessing_.size(),
                pixels + size * preprocessing_.size(), 0.0F);
    }
    return rows;
  }

  /// y: the features of a batch that next() gave.
  void finish(const std::vector<std::int64_t>& rows, const Tensor& y) {
    const auto values = y.to_vector<float>();
    const auto columns = static_cast<std::size_t>(features.columns);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<std::size_t>(rows[i]);
      const auto computed = std::span(values).subspan(i * columns, columns);
      std::ranges::copy(computed, features.x.data() + row * columns);
      cache_.add(digests_[row], computed);
    }
  }

  Features features;

 private:
  /// Reads `count` samples of a batch of `size`; appends the pixels that are to be computed, and
  /// their rows of features.
  void read(std::int64_t count, std::int64_t size, float* pixels, std::vector<std::int64_t>& rows) {
    const std::int64_t picture = preprocessing_.size();
    float* read_to = pixels + std::ssize(rows) * picture;
    std::vector<Outcome> outcomes(static_cast<std::size_t>(count));
    parallel_for(count, [&](std::int64_t i, int) {
      outcomes[static_cast<std::size_t>(i)] =
          read_sample(samples_[static_cast<std::size_t>(done_ + i)], size, read_to + i * picture);
    });
    for (std::int64_t i = 0; i < count; ++i) {
      const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
      if (!add_row(done_ + i, outcome) || !outcome.known.empty()) continue;
      float* place = pixels + std::ssize(rows) * picture;
      if (const float* from = read_to + i * picture; from != place)  // others were not needed
        std::memmove(place, from, static_cast<std::size_t>(picture) * sizeof(float));
      rows.push_back(features.rows() - 1);
    }
    done_ += count;
    if (progress_) progress_(done_);
  }

  /// The size of the batch is a part of what the cache knows a picture by, for it may decide on the
  /// variant of a kernel. Anything but Error is no fault of the picture and goes to the caller.
  Outcome read_sample(const Sample& sample, std::int64_t size, float* pixels) const {
    Outcome outcome;
    const auto seed = static_cast<std::uint64_t>(size);
    try {
      Image image;
      std::vector<std::uint8_t> file;
      if (sample.packed) {
        image = read_picture(sample);
        const auto height = static_cast<std::uint64_t>(image.height) << 32;
        outcome.digest = digest_of(bytes_of(image.rgb), height + seed);
      } else {
        file = read_file_bytes(sample.path);
        outcome.digest = digest_of(bytes_of(file), seed);
      }
      outcome.known = cache_.find(outcome.digest);
      if (!outcome.known.empty()) return outcome;
      if (!sample.packed) image = decode_image(file);
      preprocess(image, preprocessing_, pixels);
    } catch (const Error& error) {
      outcome.fault = cause_of(error, sample);
    }
    return outcome;
  }

  /// Whether the sample has a row: zeros, as long as its features are not known.
  bool add_row(std::int64_t index, const Outcome& outcome) {
    const Sample& sample = samples_[static_cast<std::size_t>(index)];
    if (!outcome.fault.empty()) {
      broken_.add(sample.path.string(), outcome.fault);
      return false;
    }
    features.labels.push_back(sample.label);
    features.samples.push_back(index);
    digests_.push_back(outcome.digest);
    if (outcome.known.empty()) {
      features.x.resize(features.x.size() + static_cast<std::size_t>(features.columns));
    } else {
      features.x.insert(features.x.end(), outcome.known.begin(), outcome.known.end());
      cache_.use(outcome.digest);
    }
    return true;
  }

  const std::vector<Sample>& samples_;
  const Preprocessing& preprocessing_;
  FeatureCache& cache_;
  BrokenPictures& broken_;
  const std::function<void(std::int64_t)>& progress_;
  std::vector<Digest> digests_;  // per row of features
  std::int64_t done_ = 0;        // samples that were read
};

}  // namespace

Features features_of_files(FrozenNetwork& network, const std::vector<Sample>& samples,
                           const Preprocessing& preprocessing, Device device, FeatureCache& cache,
                           BrokenPictures& broken,
                           const std::function<void(std::int64_t)>& progress) {
  Pass pass(samples, preprocessing, cache, broken, progress);
  const std::int64_t side = preprocessing.crop;
  Tensor x, y;
  if (memory_space(device) == MemorySpace::host) {  // the network reads where the pictures are made
    const auto place = [&](std::int64_t size) {
      if (!x || x.shape()[0] != size) x = Tensor::empty({size, side, side, 3}, DType::f32, device);
      return x.writable().as<float>();
    };
    for (auto rows = pass.next(place); !rows.empty(); rows = pass.next(place))
      pass.finish(rows, network(x));
    return std::move(pass.features);
  }
  BatchUpload upload({side, side, 3}, device);
  for_each_batch(
      [&](Batch& batch) {
        batch.indices = pass.next([&](std::int64_t size) {
          batch.labels.assign(static_cast<std::size_t>(size), 0);
          batch.pixels.resize(static_cast<std::size_t>(size * preprocessing.size()));
          return batch.pixels.data();
        });
        return !batch.indices.empty();
      },
      upload, [&](const DeviceBatch& batch) { y = network(batch.pixels); },
      [&](const Batch& batch) {
        pass.finish(batch.indices, y);
        return true;
      });
  return std::move(pass.features);
}

}  // namespace tl
