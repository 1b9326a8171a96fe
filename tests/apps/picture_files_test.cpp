// Batches from files and from memory, and the account of what cannot be read.
#include "apps/picture_files.h"

#include <doctest/doctest.h>

#include <fstream>

#include "io/png_write.h"
#include "kernels/error.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

std::vector<Sample> two_pictures_and_a_broken_one(const TemporaryFolder& folder) {
  const Image grey{4, 4, std::vector<std::uint8_t>(48, 100)};
  write_png(folder / "a.png", grey);
  std::ofstream(folder / "b.png") << "no picture";
  write_png(folder / "c.png", grey);
  return {{.path = folder / "a.png", .label = 0},
          {.path = folder / "b.png", .label = 1},
          {.path = folder / "c.png", .label = 2}};
}

}  // namespace

TEST_CASE("a broken picture is left out and counted once, however often it is met") {
  const TemporaryFolder folder;
  const auto samples = two_pictures_and_a_broken_one(folder);
  Preprocessing how;
  how.resize = how.crop = 4;
  BrokenPictures broken(false);
  for (int pass = 0; pass < 2; ++pass) {
    const BatchSource next = batches_of(samples, how, broken);
    Batch batch;
    REQUIRE(next(batch));
    CHECK(batch.labels == std::vector<std::int32_t>{0, 2});
    CHECK(!next(batch));
    CHECK(broken.count() == 1);
  }
}

TEST_CASE("strict: the broken picture is an error that names it") {
  const TemporaryFolder folder;
  const auto samples = two_pictures_and_a_broken_one(folder);
  Preprocessing how;
  how.resize = how.crop = 4;
  BrokenPictures broken(true);
  const BatchSource next = batches_of(samples, how, broken);
  Batch batch;
  try {
    while (next(batch)) {
    }
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).starts_with((folder / "b.png").string() + ": "));
  }
}

TEST_CASE("pictures in memory come in the order asked for") {
  const std::vector<float> pixels = {0, 1, 10, 11, 20, 21};
  const std::vector<std::int32_t> labels = {5, 6, 7};
  const BatchSource next = batches_of(pixels, labels, {2, 0, 1}, 2);
  Batch batch;
  REQUIRE(next(batch));
  CHECK(batch.pixels == std::vector<float>{20, 21, 0, 1});
  CHECK(batch.labels == std::vector<std::int32_t>{7, 5});
  CHECK(batch.indices == std::vector<std::int64_t>{2, 0});
  REQUIRE(next(batch));
  CHECK(batch.pixels == std::vector<float>{10, 11});
  CHECK(!next(batch));
  CHECK_THROWS_AS(batches_of(pixels, labels, {3}, 2)(batch), Error);
  CHECK_THROWS_AS(batches_of(pixels, labels, {0}, 0), Error);
}

}  // namespace tl::test
