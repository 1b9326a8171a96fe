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

TEST_CASE("BMP: packed colours are stretched to 255, rounded down") {
  const auto pixel = [](uint32_t value) { return little(value); };
  CHECK(decode_image(bmp_of({1, 1, 16}, pixel(0x7fff))).rgb == Bytes{255, 255, 255});
  CHECK(decode_image(bmp_of({1, 1, 16}, pixel(12 << 10 | 1 << 5 | 30))).rgb == Bytes{98, 8, 246});
  Bytes masks = little(0xf800);
  append(masks, little(0x7e0));
  append(masks, little(0x1f));
  CHECK(decode_image(bmp_of({1, 1, 16, 3, {}, masks}, pixel(12 << 11 | 33 << 5 | 30))).rgb ==
        Bytes{98, 133, 246});
  masks = little(0x3ff);  // ten bits, none, two bits
  append(masks, little(0));
  append(masks, little(0xc0000000));
  CHECK(decode_image(bmp_of({1, 1, 32, 3, {}, masks}, pixel(0x80000200))).rgb ==
        Bytes{127, 0, 170});
  masks[0] = 0xf5;
  CHECK(refusal(bmp_of({1, 1, 32, 3, {}, masks}, pixel(0))) ==
        "broken BMP (a colour's bits are apart)");
}

TEST_CASE("BMP: rows come from below, or from above where the height is negative") {
  const Bytes stored{1, 0, 0, 0, 0, 0, 0, 0};
  CHECK(decode_image(bmp_of({1, 2, 8, 0, two_colours}, stored)).rgb == Bytes{9, 8, 7, 6, 5, 4});
  const Image from_above = decode_image(bmp_of({1, -2, 8, 0, two_colours}, stored));
  CHECK(from_above.rgb == Bytes{6, 5, 4, 9, 8, 7});
  CHECK(from_above.height == 2);
}

TEST_CASE("BMP: run lengths, steps, and ends of rows and of the picture") {
  const auto indices = [](const Bmp& bmp, const Bytes& stored) {
    const Image image = decode_image(bmp_of(bmp, stored));
    std::string text;  // a digit per pixel
    for (size_t i = 0; i < image.rgb.size(); i += 3) text += image.rgb[i] == 9 ? '0' : '1';
    return text;
  };
  const Bmp rle8{4, 2, 8, 1, two_colours}, rle4{5, 1, 4, 2, two_colours};
  CHECK(indices(rle8, {4, 1, 0, 0, 4, 0, 0, 1}) == "00001111");
  CHECK(indices(rle8, {1, 1, 0, 0, 0, 3, 1, 0, 1, 0, 1, 0, 0, 1}) == "10101000");
  CHECK(indices(rle8, {1, 1, 0, 2, 1, 1, 2, 1, 0, 1}) == "00111000");  // a step right and up
  CHECK(indices(rle8, {9, 1, 0, 0, 4, 0}) == "00001111");  // a run does not leave its row
  CHECK(indices(rle8, {4, 1, 0, 1}) == "00001111");        // ended early
  CHECK(indices({4, -2, 8, 1, two_colours}, {4, 1, 0, 1}) == "11110000");
  CHECK(indices(rle4, {5, 0x10, 0, 1}) == "10101");
  CHECK(indices(rle4, {0, 5, 0x01, 0x10, 0x10, 0, 0, 1}) == "01101");
  for (const Bytes& cut : {Bytes{}, Bytes{4}, Bytes{4, 1}, Bytes{4, 1, 0}, Bytes{4, 1, 0, 0},
                           Bytes{0, 2}, Bytes{0, 2, 1}, Bytes{0, 3, 1, 1}}) {
    CHECK(refusal(bmp_of(rle8, cut)) == "truncated BMP");
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
  CHECK(refusal(bmp_of({1, 1, 8, 2, two_colours}, Bytes(4))) ==
        "BMP of 8 bits per pixel with compression 2, which is not read");
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
