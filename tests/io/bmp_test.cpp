// decode_bmp: exact pixels of every way to store them; damage noticed.
#include <doctest/doctest.h>

#include "io/picture_format.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;

const Bytes two_colours{7, 8, 9, 0, 4, 5, 6, 0};  // as RGB: 9 8 7, 6 5 4

TEST_CASE("BMP: every depth gives its exact RGB") {
  const Image image = noise(5, 7);
  CHECK(decode_image(bmp_of(image)).rgb == image.rgb);
  CHECK(decode_image(bmp_of(image)).width == 7);
  CHECK(decode_image(bmp_of({3, 1, 1, 0, two_colours}, {0b10100000, 0, 0, 0})).rgb ==
        Bytes{6, 5, 4, 9, 8, 7, 6, 5, 4});
  CHECK(decode_image(bmp_of({3, 1, 4, 0, two_colours}, {0x01, 0x20, 0, 0})).rgb ==
        Bytes{9, 8, 7, 6, 5, 4, 0, 0, 0});  // no third colour: black
  CHECK(decode_image(bmp_of({2, 1, 8, 0, two_colours}, {1, 0, 0, 0})).rgb ==
        Bytes{6, 5, 4, 9, 8, 7});
  CHECK(decode_image(bmp_of({1, 1, 32}, {3, 2, 1, 99})).rgb == Bytes{1, 2, 3});
}

/// A mask for each of red, green, blue.
Bytes masks_of(uint32_t red, uint32_t green, uint32_t blue) {
  Bytes masks;
  for (const uint32_t mask : {red, green, blue}) append(masks, little(mask));
  return masks;
}

TEST_CASE("BMP: packed colours are stretched to 255 by repeating their bits") {
  const auto rgb_of = [](uint16_t bits, const Bytes& masks, uint32_t pixel) {
    return decode_image(bmp_of({1, 1, bits, masks.empty() ? 0u : 3u, {}, masks}, little(pixel)))
        .rgb;
  };
  CHECK(rgb_of(16, {}, 0x7fff) == Bytes{255, 255, 255});
  // 01100 011, 00001 000, 11110 111: Pillow has 98, 8 and 246, value * 255 / 31.
  CHECK(rgb_of(16, {}, 12 << 10 | 1 << 5 | 30) == Bytes{99, 8, 247});
  // Green: 100001 10; Pillow has 133.
  CHECK(rgb_of(16, masks_of(0xf800, 0x7e0, 0x1f), 12 << 11 | 33 << 5 | 30) == Bytes{99, 134, 247});
  // Eight bits at any place are themselves; one, two and four bits come out even.
  CHECK(rgb_of(32, masks_of(0xff000000, 0x1fe000, 0xff0), 0x12000000 | 0x34 << 13 | 0x56 << 4) ==
        Bytes{0x12, 0x34, 0x56});
  CHECK(rgb_of(32, masks_of(0x80000000, 0xc, 0xf0), 0x80000008 | 0x30) == Bytes{255, 170, 51});
  // Masks of zeros stand for the usual ones; 24 bits have no others.
  CHECK(rgb_of(32, masks_of(0, 0, 0), 0x010203) == Bytes{1, 2, 3});
  CHECK(rgb_of(24, masks_of(0xff0000, 0xff00, 0xff), 0x010203) == Bytes{1, 2, 3});
}

TEST_CASE("BMP: masks that are not read are refused") {
  const auto refusal_of = [](uint16_t bits, const Bytes& masks) {
    return refusal(bmp_of({1, 1, bits, 3, {}, masks}, little(0)));
  };
  CHECK(refusal_of(32, masks_of(0x3ff, 0xff0000, 0xff000000)) ==
        "BMP with a colour mask of 1023, expected 1 to 8 bits side by side");
  CHECK(refusal_of(32, masks_of(0xff, 0, 0xff000000)) ==
        "BMP with a colour mask of 0, expected 1 to 8 bits side by side");
  CHECK(refusal_of(16, masks_of(0xff, 0xf00, 0x5000)) ==
        "BMP with a colour mask of 20480, expected 1 to 8 bits side by side");
  CHECK(refusal_of(24, masks_of(0xff, 0xff00, 0xff0000)) ==
        "BMP of 24 bits per pixel with other masks than bytes");
  CHECK(refusal_of(32, masks_of(0xff, 0xff, 0xff)) == "broken BMP (bad BMP)");
}

TEST_CASE("BMP: rows come from below, or from above where the height is negative") {
  const Bytes stored{1, 0, 0, 0, 0, 0, 0, 0};
  CHECK(decode_image(bmp_of({1, 2, 8, 0, two_colours}, stored)).rgb == Bytes{9, 8, 7, 6, 5, 4});
  const Image from_above = decode_image(bmp_of({1, -2, 8, 0, two_colours}, stored));
  CHECK(from_above.rgb == Bytes{6, 5, 4, 9, 8, 7});
  CHECK(from_above.height == 2);
}

TEST_CASE(
    "BMP: bytes between the header and the pixels, or before a shorter palette, are skipped") {
  Bytes file = bmp_of({2, 1, 24}, {3, 2, 1, 6, 5, 4, 0, 0});
  file.insert(file.begin() + 54, {9, 9, 9, 9, 9});
  file[10] = 59;
  CHECK(decode_image(file).rgb == Bytes{1, 2, 3, 4, 5, 6});
  file = bmp_of({2, 1, 8, 0, two_colours}, {1, 2, 0, 0});
  file.insert(file.begin() + 54 + 8, {9, 9, 9, 9});  // not a third colour
  file[10] = 54 + 12;
  CHECK(decode_image(file).rgb == Bytes{6, 5, 4, 0, 0, 0});
}

TEST_CASE("BMP: Windows' later headers hold the masks themselves") {
  for (const uint8_t info_bytes : {52, 56, 108, 124}) {
    CAPTURE(int{info_bytes});
    Bytes file = bmp_of({1, 1, 32, 3, {}, masks_of(0xff, 0xff00, 0xff0000)}, {1, 2, 3, 9});
    file.insert(file.begin() + 66, info_bytes - 52u, 0);
    file[10] = static_cast<uint8_t>(14 + info_bytes);
    file[14] = info_bytes;
    CHECK(decode_image(file).rgb == Bytes{1, 2, 3});
  }
}

TEST_CASE("BMP: OS/2's header of 12 bytes") {
  Bytes file{'B', 'M'};
  append(file, Bytes(8));
  append(file, little(14 + 12 + 6));
  append(file, little(12));
  for (const uint32_t number : {2u, 1u, 1u, 1u}) append(file, little(number, 2));
  append(file, {7, 8, 9, 4, 5, 6});  // a palette of three bytes each
  append(file, {0b01000000, 0, 0, 0});
  CHECK(decode_image(file).rgb == Bytes{9, 8, 7, 6, 5, 4});
}

TEST_CASE("BMP: refusals name the cause") {
  CHECK(refusal(bmp_of({1, 1, 2, 0, two_colours}, Bytes(4))) ==
        "BMP of 2 bits per pixel, expected 1, 4, 8, 16, 24 or 32");
  CHECK(refusal(bmp_of({1, 1, 24, 4}, Bytes(4))) ==
        "BMP of 24 bits per pixel with compression 4, which is not read");
  CHECK(refusal(bmp_of({1, 1, 8, 3, two_colours}, Bytes(4))) ==
        "BMP of 8 bits per pixel with compression 3, which is not read");
  CHECK(refusal(bmp_of({1, 1, 8, 1, two_colours}, {1, 1, 0, 1})) ==
        "BMP in run lengths, which are not read");
  CHECK(refusal(bmp_of({1, 1, 4, 2, two_colours}, {1, 1, 0, 1})) ==
        "BMP in run lengths, which are not read");
  CHECK(refusal(bmp_of({20'000'000, 1, 1, 0, two_colours}, Bytes(2'500'000))) ==
        "BMP of 20000000 x 1 pixels, over the limit of 16777216 on a side");
  CHECK(refusal(bmp_of({0, 1, 24}, {})) == "a picture of 0 x 1 pixels");
  CHECK(refusal(bmp_of({-1, 1, 24}, {})) == "a picture of -1 x 1 pixels");
  CHECK(refusal(bmp_of({1, INT32_MIN, 24}, {})).find("over the limit") != std::string::npos);
  CHECK(refusal(bmp_of({30000, 5000, 24}, Bytes(4))) == "truncated BMP");
  auto header = bmp_of({1, 1, 24}, Bytes(4));
  header[14] = 39;
  CHECK(refusal(header) == "BMP with a header of 39 bytes, expected 12 or 40 to 124");
  auto colours = bmp_of({1, 1, 8, 0, two_colours}, Bytes(4));
  colours[14 + 34] = 1;  // 65,538
  CHECK(refusal(colours) == "BMP with a palette of 65538 colours");
  auto start = bmp_of({1, 1, 24}, Bytes(4));
  start[13] = 0x80;
  CHECK(refusal(start) == "truncated BMP");
  const auto whole = bmp_of(noise(9, 11));
  for (size_t length = 2; length < whole.size() - 3; ++length) {  // 3 bytes pad the last row
    CAPTURE(length);
    CHECK(refusal(part_of(whole, 0, length)) == "truncated BMP");
  }
}

}  // namespace
}  // namespace tl
