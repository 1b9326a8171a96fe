// The demo's pictures: pure functions of their arguments, to the byte, that give nothing away but
// the subject.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <numbers>
#include <set>

#include "apps/demo/render.h"
#include "apps/demo/tasks.h"
#include "kernels/error.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

/// FNV-1a, 64 bits.
std::uint64_t hash_of(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

using Mean = std::array<double, 3>;

Mean mean_colour(const Image& x) {
  Mean mean{};
  for (std::size_t i = 0; i < x.rgb.size(); ++i)
    mean[i % 3] += x.rgb[i] / (255.0 * kSceneSize * kSceneSize);
  return mean;
}

constexpr Figure kFigures[] = {Figure::disc,   Figure::square, Figure::triangle, Figure::star,
                               Figure::ring,   Figure::cross,  Figure::crescent, Figure::bar,
                               Figure::heart,  Figure::arrow,  Figure::drop,     Figure::bolt,
                               Figure::flower, Figure::tile};

}  // namespace

TEST_CASE("demo: unit_vector is the point on the circle") {
  for (int i = -700; i <= 700; ++i) {
    const double turns = i / 256.0;
    const Point p = unit_vector(turns);
    CHECK(std::abs(p.x - std::cos(2 * std::numbers::pi * turns)) < 1e-14);
    CHECK(std::abs(p.y - std::sin(2 * std::numbers::pi * turns)) < 1e-14);
  }
}

TEST_CASE("demo: dice are uniform, and of another stream for every argument") {
  Dice dice(7, 1, 2, 3);
  double sum = 0, squares = 0;
  constexpr int kThrows = 100000;
  for (int i = 0; i < kThrows; ++i) {
    const double x = dice.triangular();
    sum += x;
    squares += x * x;
  }
  CHECK(std::abs(sum / kThrows) < 5 * std::sqrt(1.0 / 6 / kThrows));
  CHECK(std::abs(squares / kThrows - 1.0 / 6) < 0.003);  // variance of the sum of two uniforms
  std::set<double> firsts;
  for (Dice other : {Dice(7, 1, 2, 3), Dice(8, 1, 2, 3), Dice(std::uint64_t{7} << 32, 1, 2, 3),
                     Dice(7, 2, 2, 3), Dice(7, 1, 3, 3), Dice(7, 1, 2, 4)})
    firsts.insert(other.uniform());
  CHECK(firsts.size() == 6);
}

TEST_CASE("demo: figures are about of radius 1, and distances never change faster than the place") {
  for (const Figure figure : kFigures) {
    CAPTURE(name_of(figure));
    double inside = 0;
    constexpr int kSide = 120;
    for (int i = 0; i < kSide; ++i) {
      for (int j = 0; j < kSide; ++j) {
        const Point p{(j + 0.5) * 3 / kSide - 1.5, (i + 0.5) * 3 / kSide - 1.5};
        const double d = distance(figure, p);
        inside += d < 0 ? 9.0 / (kSide * kSide) : 0;
        if (length(p) > 1.12) CHECK(d > 0);
        const double moved = distance(figure, p + Point{0.003, -0.004});
        CHECK(std::abs(moved - d) <= 0.005 + 1e-12);
      }
    }
    CHECK(inside > 0.55);  // of pi for the full disc
    CHECK(inside < 2.75);
  }
  CHECK(distance(Figure::square, {1.78, 0}) == doctest::Approx(1));
  CHECK(distance(Figure::square, {0.58, 0}) == doctest::Approx(-0.2));
  CHECK(distance(Figure::triangle, {0, 1.65}) == doctest::Approx(1));   // below the lower edge
  CHECK(distance(Figure::triangle, {0, -1.85}) == doctest::Approx(1));  // above the tip
  CHECK(distance(Figure::ring, {0, 0}) > 0);
  CHECK(distance(Figure::crescent, {0.5, 0}) > 0);
}

TEST_CASE("demo: pictures have not changed by a bit") {
  // The weights were trained on these pictures. Only + - * / sqrt floor are at work: the bytes are
  // the same on every machine.
  const auto hash = [](const SceneTask& task, Part part, int label, int index, int seed) {
    return hash_of(scene_picture(task, part, label, index, static_cast<std::uint64_t>(seed)).rgb);
  };
  CHECK(hash(source_task(), Part::training, 0, 0, 0) == 0xcf9df4468bc5a79bu);
  CHECK(hash(source_task(), Part::test, 31, 9, 0) == 0xedf93c32dc9dceau);
  CHECK(hash(source_task(), Part::training, 13, 1000, 0) == 0x5296ea126543df80u);
  CHECK(hash(balanced_task(), Part::training, 1, 3, 2) == 0x3c62145921ac38fcu);
  CHECK(hash(balanced_task(), Part::test, 4, 79, 4) == 0x75ca94437f224e57u);
  CHECK(hash(imbalanced_task(), Part::training, 0, 89, 0) == 0x5d69894e8729fb6eu);
  CHECK(hash(imbalanced_task(), Part::training, 1, 9, 1) == 0x2883e46ce1803e37u);
}

TEST_CASE("demo: no picture comes twice, whatever the task, part, class, index or seed") {
  std::set<std::uint64_t> seen;
  std::size_t pictures = 0;
  for (const SceneTask& task : {source_task(), balanced_task(), imbalanced_task()}) {
    for (const Part part : {Part::training, Part::test}) {
      for (std::int64_t label = 0; label < std::ssize(task.classes); ++label) {
        for (std::int64_t index = 0; index < 5; ++index) {
          for (const std::uint64_t seed : {0, 1}) {
            seen.insert(hash_of(scene_picture(task, part, label, index, seed).rgb));
            ++pictures;
          }
        }
      }
    }
  }
  CHECK(seen.size() == pictures);
}

TEST_CASE("demo: tasks have the classes and counts that they are meant to have") {
  CHECK(source_task().classes.size() == 32);
  const SceneTask balanced = balanced_task(), imbalanced = imbalanced_task();
  CHECK(balanced.training == std::vector<std::int64_t>(5, 60));
  CHECK(imbalanced.training == std::vector<std::int64_t>{90, 10});
  const PictureSet training = draw_part(imbalanced, Part::training, 0);
  CHECK(std::count(training.labels.begin(), training.labels.end(), 1) == 10);
  CHECK(training.size() == 100);
  CHECK(static_cast<std::int64_t>(training.pixels.size()) == 100 * 3 * kSceneSize * kSceneSize);
  const PictureSet test = draw_part(balanced, Part::test, 0);
  for (int c = 0; c < 5; ++c)
    CHECK(std::count(test.labels.begin(), test.labels.end(), c) == balanced.test);
  // No target class is a source class under another name.
  for (const SceneClass& target : {balanced.classes[0], balanced.classes[4], imbalanced.classes[0]})
    for (const SceneClass& source : source_task().classes)
      CHECK(source.subject.figure != target.subject.figure);
  CHECK_THROWS_WITH_AS(scene_task("cats"), "task 'cats': there are source, balanced and imbalanced",
                       Error);
}

TEST_CASE("demo: the mean colour of a picture says nothing about its class") {
  const SceneTask task = balanced_task();
  constexpr int kPictures = 120;
  std::vector<Mean> means(task.classes.size(), Mean{});
  for (std::size_t c = 0; c < means.size(); ++c) {
    for (int i = 0; i < kPictures; ++i) {
      const Mean m =
          mean_colour(scene_picture(task, Part::training, static_cast<std::int64_t>(c), i, 0));
      for (std::size_t k = 0; k < 3; ++k) means[c][k] += m[k] / kPictures;
    }
  }
  int right = 0, all = 0;
  for (std::size_t c = 0; c < means.size(); ++c) {
    for (int i = 0; i < kPictures; ++i, ++all) {
      const Mean m =
          mean_colour(scene_picture(task, Part::test, static_cast<std::int64_t>(c), i, 0));
      const auto distance_to = [&](const Mean& other) {
        return std::hypot(m[0] - other[0], m[1] - other[1], m[2] - other[2]);
      };
      const auto nearest = std::min_element(
          means.begin(), means.end(),
          [&](const Mean& a, const Mean& b) { return distance_to(a) < distance_to(b); });
      right += nearest - means.begin() == static_cast<std::ptrdiff_t>(c);
    }
  }
  // Chance is 0.2, with a standard deviation of sqrt(0.2 * 0.8 / 600) = 0.016.
  CHECK(static_cast<double>(right) / all < 0.2 + 4 * 0.016);
}

TEST_CASE("demo: a chip changes the tile's border and nothing else") {
  for (std::uint32_t i = 0; i < 20; ++i) {
    const Subject whole{Figure::tile, Texture::dots}, chipped{Figure::tile, Texture::dots, true};
    const Image a = draw_scene(whole, Dice(3, 0, 0, i)), b = draw_scene(chipped, Dice(3, 0, 0, i));
    int changed = 0;
    for (std::size_t k = 0; k < a.rgb.size(); k += 3)
      changed += !std::equal(&a.rgb[k], &a.rgb[k] + 3, &b.rgb[k]);
    CAPTURE(i);
    CHECK(changed > 15);
    CHECK(changed < kSceneSize * kSceneSize / 6);
  }
}

TEST_CASE("demo: rendered files are the demo's pictures") {
  const TemporaryFolder folder;
  render({.out = folder.path(), .task = "imbalanced", .count = 2, .seed = 5});
  CHECK(read_image(folder / "imbalanced/whole/0001.png").rgb ==
        scene_picture(imbalanced_task(), Part::training, 0, 0, 5).rgb);
  CHECK(read_image(folder / "imbalanced/chipped/0002.png").rgb ==
        scene_picture(imbalanced_task(), Part::training, 1, 1, 5).rgb);
  CHECK(folder.entries() == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "imbalanced/whole/0003.png"));

  std::ofstream(folder / "file") << "in the way";
  CHECK_THROWS_WITH_AS(render({.out = folder / "file", .task = "balanced", .count = 1}),
                       doctest::Contains("cannot be created"), Error);
}

}  // namespace tl::test
