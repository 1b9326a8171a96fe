#include "io/batch_loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "io/sandbox.h"
#include "kernels/error.h"
#include "tests/io/pictures.h"
#include "tests/io/small_preprocessing.h"
#include "tests/support/thread_counts.h"

namespace tl {
namespace {

using namespace test;

/// Pictures 0 ... n - 1 of different content, those in `broken` cut in half; label = i % 3.
std::vector<Sample> make_samples(const TemporaryFolder& folder, int n,
                                 const std::vector<int>& broken) {
  std::vector<Sample> samples;
  for (int i = 0; i < n; ++i) {
    Image image = noise(20 + i % 5, 24);
    for (uint8_t& value : image.rgb) value = static_cast<uint8_t>(value / 2 + i);
    auto bytes = jpeg_of(image);
    if (std::find(broken.begin(), broken.end(), i) != broken.end()) bytes.resize(bytes.size() / 2);
    const auto path = folder / concat(i, ".jpg");
    write_bytes(path, bytes);
    samples.push_back({path, i % 3});
  }
  return samples;
}

struct Epoch {
  std::vector<Batch> batches;
  std::vector<LoadFailure> failures;
};

Epoch load_all(const std::vector<Sample>& samples, const std::vector<int64_t>& order,
               const LoaderOptions& options) {
  BatchLoader loader(samples, order, small_preprocessing(), options);
  Epoch epoch;
  for (Batch batch; loader.next(batch);) epoch.batches.push_back(batch);
  epoch.failures = loader.failures();
  Batch after;
  CHECK(!loader.next(after));
  CHECK(after.size() == 0);
  return epoch;
}

std::vector<int64_t> reversed(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.rbegin(), order.rend(), int64_t{0});
  return order;
}

TEST_CASE("BatchLoader: any number of threads gives what loading one by one gives") {
  const TemporaryFolder folder;
  const auto samples = make_samples(folder, 23, {});
  const auto order = reversed(23);
  const RestoreThreadCount restore;
  for (const int threads : {1, 2, 5}) {
    CAPTURE(threads);
    set_thread_count(threads);
    const Epoch epoch = load_all(samples, order, {.batch_size = 4});
    REQUIRE(epoch.batches.size() == 6);
    CHECK(epoch.failures.empty());
    size_t position = 0;
    for (const Batch& batch : epoch.batches) {
      CHECK(batch.size() == (position < 20 ? 4 : 3));
      REQUIRE(batch.pixels.size() ==
              static_cast<size_t>(batch.size() * small_preprocessing().size()));
      for (int64_t row = 0; row < batch.size(); ++row, ++position) {
        const int64_t index = batch.indices[static_cast<size_t>(row)];
        CHECK(index == order[position]);
        CHECK(batch.labels[static_cast<size_t>(row)] == index % 3);
        std::vector<float> expected(static_cast<size_t>(small_preprocessing().size()));
        preprocess(read_image(samples[static_cast<size_t>(index)].path), small_preprocessing(),
                   expected.data());
        const auto* pixels = batch.pixels.data() + row * small_preprocessing().size();
        CHECK(std::equal(expected.begin(), expected.end(), pixels));
      }
    }
  }
}

TEST_CASE("BatchLoader: broken pictures shrink their own batch and are reported in order") {
  const TemporaryFolder folder;
  // Batch 1 (4 ... 7) loses its ends, batch 2 (8 ... 11) vanishes.
  auto samples = make_samples(folder, 14, {4, 7, 8, 9, 10});
  samples[11].path = folder / "missing.jpg";
  std::vector<int64_t> order(14);
  std::iota(order.begin(), order.end(), int64_t{0});
  const RestoreThreadCount restore;
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    set_thread_count(threads);
    const Epoch epoch = load_all(samples, order, {.batch_size = 4});
    REQUIRE(epoch.batches.size() == 3);
    CHECK(epoch.batches[0].indices == std::vector<int64_t>{0, 1, 2, 3});
    CHECK(epoch.batches[1].indices == std::vector<int64_t>{5, 6});
    CHECK(epoch.batches[2].indices == std::vector<int64_t>{12, 13});
    std::vector<float> expected(static_cast<size_t>(small_preprocessing().size()));
    preprocess(read_image(samples[6].path), small_preprocessing(), expected.data());
    CHECK(std::equal(expected.begin(), expected.end(),
                     epoch.batches[1].pixels.data() + small_preprocessing().size()));
    REQUIRE(epoch.failures.size() == 6);
    CHECK(epoch.failures[0].index == 4);
    CHECK(epoch.failures[0].path == samples[4].path);
    CHECK(epoch.failures[0].cause == "truncated JPEG");
    CHECK(epoch.failures[5].index == 11);
    CHECK(epoch.failures[5].cause == "No such file or directory");
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("BatchLoader: running out of memory is no fault of a picture") {
  const TemporaryFolder folder;
  const std::vector<uint8_t> grey(8000 * 6000, 7);
  write_bytes(folder / "large.jpg", jpeg_of(8000, 6000, grey, {.space = JCS_GRAYSCALE}));
  ChildLimits limits;
  limits.memory_bytes = 32 << 20;  // the picture takes 144 MB, more than a heap keeps in reserve
  std::string outcome;
  CHECK(
      error_of([&] {
        outcome = run_in_child(limits, [&]() -> std::string {
          BatchLoader loader({{folder / "large.jpg", 0}}, small_preprocessing(), {.batch_size = 1});
          Batch batch;
          if (loader.next(batch)) return "loaded";
          return loader.failures().front().cause;
        });
      }) == "needs more memory than is allowed");
  CHECK(outcome == "");
}
#endif

TEST_CASE("BatchLoader: memory of a batch is reused") {
  const TemporaryFolder folder;
  BatchLoader loader(make_samples(folder, 12, {3}), small_preprocessing(), {.batch_size = 3});
  Batch batch;
  REQUIRE(loader.next(batch));
  const float* const pixels = batch.pixels.data();
  while (loader.next(batch)) CHECK(batch.pixels.data() == pixels);
}

TEST_CASE("BatchLoader: no samples, and options that make no sense") {
  CHECK(load_all({}, {}, {}).batches.empty());
  const auto refusal = [](int64_t batch_size, std::vector<int64_t> order) {
    return error_of(
        [&] { BatchLoader loader({}, order, small_preprocessing(), {.batch_size = batch_size}); });
  };
  CHECK(refusal(0, {}) == "batch loader: batch size 0 must be positive");
  CHECK(refusal(1, {0}) == "batch loader: index 0 of 0 samples");
}

}  // namespace
}  // namespace tl
