// write_png: pixels come back, and nothing is left behind where it fails.
#include "io/png_write.h"

#include <doctest/doctest.h>

#include "tests/io/pictures.h"

namespace tl {
namespace {

using namespace test;

TEST_CASE("write_png: read_image gives the same pixels back") {
  const TemporaryFolder folder;
  for (const auto& [height, width] : {std::pair{1, 1}, {3, 17}, {64, 64}, {65, 2}}) {
    const Image x = noise(height, width);
    write_png(folder / "x.png", x);
    const Image y = read_image(folder / "x.png");
    CHECK(y.height == x.height);
    CHECK(y.width == x.width);
    CHECK(y.rgb == x.rgb);
  }
}

TEST_CASE("write_png: refusals name the file, which keeps what it had") {
  const TemporaryFolder folder;
  const auto path = folder / "x.png";
  write_png(path, noise(4, 4));
  CHECK(error_of([&] { write_png(path, Image{}); }) ==
        path.string() + ": a PNG file of 0 x 0 pixels");
  CHECK(read_image(path).rgb == noise(4, 4).rgb);
  const std::string error = error_of([&] { write_png(folder / "none" / "x.png", noise(1, 1)); });
  CHECK(error.starts_with((folder / "none" / "x.png").string() + ": "));
  CHECK(is_one_line(error));
}

}  // namespace
}  // namespace tl
