// EXIF orientation: read from any block, applied in JPEG, PNG and WebP.
#include "io/exif.h"

#include <doctest/doctest.h>

#include "io/picture_format.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;

/// Grey values, a string of digits per row.
Image image_of(const std::vector<std::string>& rows) {
  Image image{static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size()), {}};
  for (const std::string& row : rows) {
    for (const char c : row) image.rgb.insert(image.rgb.end(), 3, static_cast<uint8_t>(c - '0'));
  }
  return image;
}

std::vector<std::string> rows_of(const Image& image) {
  std::vector<std::string> rows(static_cast<size_t>(image.height));
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    rows[i / 3 / static_cast<size_t>(image.width)] += static_cast<char>('0' + image.rgb[i]);
  }
  return rows;
}

using Rows = std::vector<std::string>;

/// How 123 / 456 looks when it is stored with each orientation.
const std::vector<Rows> seen{{"123", "456"},     {"321", "654"},     {"654", "321"},
                             {"456", "123"},     {"14", "25", "36"}, {"41", "52", "63"},
                             {"63", "52", "41"}, {"36", "25", "14"}};

TEST_CASE("upright: the eight orientations") {
  const Image stored = image_of({"123", "456"});
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    CHECK(rows_of(upright(stored, orientation)) == seen[static_cast<size_t>(orientation - 1)]);
  }
  for (const int unknown : {0, 9, -1}) CHECK(upright(stored, unknown).rgb == stored.rgb);
}

TEST_CASE("read_image: the orientation is applied in PNG, WebP and JPEG") {
  const Image stored = image_of({"123", "456"});
  // For JPEG a flat quarter per pixel, so that loss does not matter: 16 x 16 blocks.
  Image large{32, 48, Bytes(32 * 48 * 3)};
  for (size_t i = 0; i < large.rgb.size(); ++i) {
    const size_t y = i / 3 / 48 / 16, x = i / 3 % 48 / 16;
    large.rgb[i] = static_cast<uint8_t>(25 * stored.rgb[(y * 3 + x) * 3]);
  }
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    const Rows& expected = seen[static_cast<size_t>(orientation - 1)];
    const Png png{.height = 2, .width = 3, .depth = 8, .colour = 2, .exif = exif_of(orientation)};
    CHECK(rows_of(decode_image(png_of(png, stored.rgb))) == expected);
    CHECK(rows_of(decode_image(webp_with_exif(stored, exif_of(orientation, false)))) == expected);
    CHECK(rows_of(decode_image(webp_with_exif(stored, exif_marker(orientation)))) == expected);

    const Image image =
        decode_image(jpeg_of(large, {.quality = 100, .exif = exif_marker(orientation)}));
    REQUIRE(image.height == static_cast<int64_t>(16 * expected.size()));
    REQUIRE(image.width == static_cast<int64_t>(16 * expected[0].size()));
    for (size_t y = 0; y < expected.size(); ++y) {
      for (size_t x = 0; x < expected[0].size(); ++x) {
        const size_t centre = (16 * y + 8) * static_cast<size_t>(image.width) + 16 * x + 8;
        CHECK(std::abs(image.rgb[3 * centre] - 25 * (expected[y][x] - '0')) <= 4);
      }
    }
  }
}

TEST_CASE(
    "exif_orientation: either byte order, with and without the prefix, integers of any size") {
  for (const bool little_first : {true, false}) {
    Bytes exif = exif_of(6, little_first);
    CHECK(exif_orientation(exif) == 6);
    constexpr size_t type = 8 + 2 + 12 + 2, value = type + 6;
    exif[little_first ? type : type + 1] = 4;                 // four bytes
    CHECK(exif_orientation(exif) == (little_first ? 6 : 1));  // 0x00060000 in the other order
    if (!little_first) std::swap(exif[value + 1], exif[value + 3]);
    CHECK(exif_orientation(exif) == 6);
    exif[little_first ? type : type + 1] = 1;  // one byte
    std::swap(exif[value], exif[little_first ? value : value + 3]);
    CHECK(exif_orientation(exif) == 6);
    exif[little_first ? type : type + 1] = 2;  // text
    CHECK(exif_orientation(exif) == 1);
  }
  CHECK(exif_orientation(exif_marker(8)) == 8);
  for (const int unknown : {0, 9, 255}) CHECK(exif_orientation(exif_of(unknown)) == 1);
}

TEST_CASE("exif_orientation: a damaged block is read as far as it goes") {
  const Bytes whole = exif_of(5);
  const size_t entry_end = whole.size() - 4;
  for (size_t length = 0; length <= whole.size(); ++length) {
    const Bytes cut = part_of(whole, 0, length);  // of its exact size, for the sanitizers
    CAPTURE(length);
    CHECK(exif_orientation(cut) == (length >= entry_end ? 5 : 1));
  }
  for (size_t i = 4; i < 10; ++i) {  // the place of the directory, the number of entries
    for (const uint8_t value : {0x00, 0x7f, 0xff}) {
      Bytes damaged = whole;
      damaged[i] = value;
      const int orientation = exif_orientation(damaged);
      CHECK(orientation >= 1);
      CHECK(orientation <= 8);
    }
  }
}

}  // namespace
}  // namespace tl
