// Random views: within the picture and torchvision's ranges, decided by seed, epoch and index
// alone, and cut out of the picture exactly.
#include "io/augment.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "io/batch_loader.h"
#include "io/png_write.h"
#include "kernels/error.h"
#include "tests/io/pictures.h"
#include "tests/io/small_preprocessing.h"
#include "tests/support/thread_counts.h"

namespace tl::test {
namespace {

bool same(const RandomView& a, const RandomView& b) {
  return a.window.top == b.window.top && a.window.left == b.window.left &&
         a.window.height == b.window.height && a.window.width == b.window.width &&
         a.mirrored == b.mirrored;
}

}  // namespace

TEST_CASE("views lie in the picture and have torchvision's areas and ratios") {
  constexpr double kArea = 300.0 * 200;
  int mirrored = 0, wide = 0, top_half = 0, left_half = 0;
  double smallest = 1, largest = 0, mean_area = 0;
  constexpr int kViews = 4000;
  for (int i = 0; i < kViews; ++i) {
    const RandomView v = random_view(300, 200, {.seed = 5, .epoch = 1}, i);
    const Window& w = v.window;
    REQUIRE(w.top >= 0);
    REQUIRE(w.left >= 0);
    REQUIRE(w.top + w.height <= 300);
    REQUIRE(w.left + w.width <= 200);
    const double area = static_cast<double>(w.height * w.width) / kArea;
    const double ratio = static_cast<double>(w.width) / static_cast<double>(w.height);
    REQUIRE(ratio > 0.73);  // sides are rounded
    REQUIRE(ratio < 1.37);
    smallest = std::min(smallest, area);
    largest = std::max(largest, area);
    mean_area += area / kViews;
    mirrored += v.mirrored;
    wide += ratio > 1;
    top_half += w.top * 2 < 300 - w.height;
    left_half += w.left * 2 < 200 - w.width;
  }
  CHECK(smallest > 0.075);
  CHECK(smallest < 0.1);
  CHECK(largest > 0.8);
  CHECK(largest <= 1);
  CHECK(mean_area > 0.35);  // large areas are often redrawn: they do not fit at most ratios
  CHECK(mean_area < 0.5);
  CHECK(std::abs(mirrored - kViews / 2) < 130);  // 4 deviations
  CHECK(std::abs(top_half - kViews / 2) < 200);
  CHECK(std::abs(left_half - kViews / 2) < 200);
  CHECK(wide > 0.3 * kViews);
  CHECK(wide < 0.6 * kViews);
}

TEST_CASE("a view is decided by seed, epoch and index") {
  const RandomView v = random_view(40, 50, {7, 3}, 11);
  CHECK(same(v, random_view(40, 50, {7, 3}, 11)));
  CHECK(!same(v, random_view(40, 50, {8, 3}, 11)));
  CHECK(!same(v, random_view(40, 50, {7, 4}, 11)));
  CHECK(!same(v, random_view(40, 50, {7, 3}, 12)));
}

TEST_CASE("a strip, into which no view fits, shows its middle") {
  const RandomView v = random_view(4, 1000, {1, 1}, 0);
  CHECK(v.window.height == 4);
  CHECK(v.window.width == 5);  // 4 * 4 / 3
  CHECK(v.window.left == 497);
  CHECK_THROWS_AS(random_view(0, 5, {}, 0), Error);
}

TEST_CASE("augment resizes and mirrors the view") {
  const Image x = noise(20, 30);
  const Preprocessing p = small_preprocessing();
  bool saw_mirrored = false, saw_straight = false;
  for (int64_t index = 0; index < 8; ++index) {
    const RandomView v = random_view(20, 30, {2, 1}, index);
    (v.mirrored ? saw_mirrored : saw_straight) = true;
    Image part{v.window.height, v.window.width, {}};
    for (int64_t r = 0; r < part.height; ++r)
      for (int64_t c = 0; c < part.width; ++c)
        for (int64_t k = 0; k < 3; ++k)
          part.rgb.push_back(
              x.rgb[static_cast<size_t>(((v.window.top + r) * 30 + v.window.left + c) * 3 + k)]);
    const Image resized = resize_bilinear(part, 8, 8);
    std::vector<float> straight(8 * 8 * 3), found(8 * 8 * 3, NAN);
    normalise(resized, p, straight.data());
    augment(x, p, {2, 1}, index, found.data());
    for (size_t r = 0; r < 8; ++r)
      for (size_t c = 0; c < 8; ++c)
        for (size_t k = 0; k < 3; ++k)
          REQUIRE(found[(r * 8 + c) * 3 + k] ==
                  straight[(r * 8 + (v.mirrored ? 7 - c : c)) * 3 + k]);
  }
  CHECK(saw_mirrored);
  CHECK(saw_straight);
}

TEST_CASE(
    "a loader gives the same views for any number of threads, in any order, and others in "
    "the next epoch") {
  const TemporaryFolder folder;
  std::vector<Sample> samples;
  for (int i = 0; i < 6; ++i) {
    const auto path = folder / (std::to_string(i) + ".png");
    write_png(path, noise(20 + i, 30));
    samples.push_back({.path = path, .label = i});
  }
  const RestoreThreadCount restore;
  const auto views = [&](int threads, std::vector<int64_t> order, uint32_t epoch) {
    set_thread_count(threads);
    BatchLoader loader(samples, std::move(order), small_preprocessing(),
                       {.batch_size = 4, .augmentation = {{9, epoch}}});
    std::vector<std::vector<float>> by_index(samples.size());
    for (Batch batch; loader.next(batch);) {
      for (size_t i = 0; i < batch.indices.size(); ++i)
        by_index[static_cast<size_t>(batch.indices[i])].assign(
            batch.pixels.begin() + static_cast<int64_t>(i) * small_preprocessing().size(),
            batch.pixels.begin() + static_cast<int64_t>(i + 1) * small_preprocessing().size());
    }
    return by_index;
  };
  const auto alone = views(1, {0, 1, 2, 3, 4, 5}, 1);
  CHECK(views(3, {0, 1, 2, 3, 4, 5}, 1) == alone);
  CHECK(views(2, {5, 3, 1, 0, 2, 4}, 1) == alone);
  CHECK(views(1, {0, 1, 2, 3, 4, 5}, 2) != alone);
}

}  // namespace tl::test
