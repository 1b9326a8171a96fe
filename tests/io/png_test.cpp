// decode_png: exact pixels of every colour type, filter and pass; damage noticed.
#include <doctest/doctest.h>

#include "io/picture_format.h"
#include "io/stb_decode.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;

TEST_CASE("PNG: every colour type and depth gives its exact RGB") {
  const Image rgb = noise(5, 7);
  CHECK(decode_image(png_of({5, 7, 8, 2}, rgb.rgb)).rgb == rgb.rgb);
  CHECK(decode_image(png_of({5, 7, 8, 2}, rgb.rgb)).height == 5);
  CHECK(decode_image(png_of({1, 2, 8, 0}, {10, 200})).rgb == Bytes{10, 10, 10, 200, 200, 200});
  CHECK(decode_image(png_of({1, 2, 8, 4}, {10, 0, 200, 77})).rgb ==
        Bytes{10, 10, 10, 200, 200, 200});
  CHECK(decode_image(png_of({1, 2, 8, 6}, {1, 2, 3, 0, 4, 5, 6, 99})).rgb ==
        Bytes{1, 2, 3, 4, 5, 6});
  CHECK(decode_image(png_of({1, 2, 8, 3, {9, 8, 7, 6, 5, 4}, {0, 128}}, {1, 0})).rgb ==
        Bytes{6, 5, 4, 9, 8, 7});
  CHECK(decode_image(png_of({1, 3, 2, 3, {9, 8, 7, 6, 5, 4}}, {0b01001100})).rgb ==
        Bytes{6, 5, 4, 9, 8, 7, 0, 0, 0});  // no third colour: black
  CHECK(decode_image(png_of({1, 2, 16, 0}, {0x12, 0xff, 0xab, 0x00})).rgb ==
        Bytes{0x12, 0x12, 0x12, 0xab, 0xab, 0xab});
  CHECK(decode_image(png_of({1, 1, 16, 2}, {1, 255, 2, 255, 3, 255})).rgb == Bytes{1, 2, 3});
  CHECK(decode_image(png_of({1, 2, 16, 4}, {1, 255, 2, 255, 3, 255, 4, 255})).rgb ==
        Bytes{1, 1, 1, 3, 3, 3});
  CHECK(decode_image(png_of({1, 1, 16, 6}, {1, 255, 2, 255, 3, 255, 4, 255})).rgb ==
        Bytes{1, 2, 3});
  CHECK(decode_image(png_of({1, 3, 1, 0}, {0b10100000})).rgb ==
        Bytes{255, 255, 255, 0, 0, 0, 255, 255, 255});
  CHECK(decode_image(png_of({1, 2, 2, 0}, {0b01100000})).rgb == Bytes{85, 85, 85, 170, 170, 170});
  CHECK(decode_image(png_of({1, 2, 4, 0}, {0x3f})).rgb == Bytes{51, 51, 51, 255, 255, 255});
}

TEST_CASE("PNG: transparency changes no colour, whatever it holds") {
  for (const Bytes& transparency : {Bytes{0, 10}, Bytes{1}, Bytes(7)}) {
    CHECK(decode_image(png_of({1, 2, 8, 0, {}, transparency}, {10, 200})).rgb ==
          Bytes{10, 10, 10, 200, 200, 200});
    CHECK(decode_image(png_of({1, 1, 8, 4, {}, transparency}, {10, 77})).rgb == Bytes{10, 10, 10});
    CHECK(decode_image(png_of({1, 2, 8, 3, {9, 8, 7}, transparency}, {0, 255})).rgb ==
          Bytes{9, 8, 7, 0, 0, 0});
  }
}

TEST_CASE("PNG: filters by hand, the first pixel and the first row among them") {
  // Rows of two RGB pixels; what each filter foretells is worked out beside it.
  const Bytes raw{
      1, 10, 20, 30, 1,   2,  3,   // left: 10 20 30, 11 22 33
      2, 1,  1,  1,  250, 0,  1,   // above: 11 21 31, 5 22 34
      3, 1,  0,  0,  0,   0,  0,   // mean: 6 10 15, (6 + 5) / 2 = 5, (10 + 22) / 2 = 16, 24
      4, 0,  1,  2,  0,   10, 200  // Paeth: 6 11 17, then of (6, 5, 6) 5, of (11, 16, 10) 16 ...
  };
  CHECK(decode_image(png_with_stream({4, 2, 8, 2}, stored_zlib(raw))).rgb ==
        Bytes{10, 20, 30, 11, 22, 33, 11, 21, 31, 5, 22, 34,
              6,  10, 15, 5,  16, 24, 6,  11, 17, 5, 26, 224});
  CHECK(refusal(png_with_stream({1, 1, 8, 0}, stored_zlib({5, 0}))) ==
        "broken PNG (invalid filter)");
}

TEST_CASE("PNG: Paeth's filter decides ties for the left, then for the one above") {
  struct Case {
    uint8_t corner, above, left, foretold;
  };
  for (const Case& c : {Case{10, 8, 11, 8}, {10, 11, 8, 8}, {10, 12, 8, 10}, {10, 10, 3, 3}}) {
    CAPTURE(int{c.foretold});
    const Bytes raw{0, c.corner, c.above, 4, static_cast<uint8_t>(c.left - c.corner), 0};
    const Image image = decode_image(png_with_stream({2, 2, 8, 0}, stored_zlib(raw)));
    CHECK(image.rgb[2 * 3] == c.left);
    CHECK(image.rgb[3 * 3] == c.foretold);
  }
}

TEST_CASE("PNG: Adam7's passes put each pixel in its place") {
  // 5 x 3 grey pixels of values 10 y + x, in the order in which the seven passes take them.
  const Bytes raw{0, 0,           // pass 1: (0, 0)
                  0, 4,           // pass 2: (4, 0)
                  0, 2,           // pass 4: (2, 0); pass 3 begins in row 4
                  0, 20, 22, 24,  // pass 5
                  0, 1,  3,       // pass 6
                  0, 21, 23,      //
                  0, 10, 11, 12, 13, 14};
  Bytes expected;
  for (uint8_t y = 0; y < 3; ++y) {
    for (uint8_t x = 0; x < 5; ++x) expected.insert(expected.end(), 3, uint8_t(10 * y + x));
  }
  const Png png{.height = 3, .width = 5, .depth = 8, .colour = 0, .interlaced = true};
  CHECK(decode_image(png_with_stream(png, stored_zlib(raw))).rgb == expected);
}

TEST_CASE("PNG: a flipped bit is noticed, wherever it is") {
  const auto png = png_of({2, 3, 8, 3, {9, 8, 7, 6, 5, 4}, {0, 128}}, {1, 0, 1, 0, 1, 0});
  REQUIRE(refusal(png) == "");
  for (size_t i = 0; i < png.size(); ++i) {
    auto damaged = png;
    damaged[i] ^= 1;
    CAPTURE(i);
    CHECK(is_one_line(refusal(damaged)));
  }
}

TEST_CASE("PNG: the checksum of the pixels is looked at, a missing one too") {
  const Bytes stream = stored_zlib({0, 1, 2});
  const Png png{1, 2, 8, 0};
  REQUIRE(refusal(png_with_stream(png, stream)) == "");
  Bytes wrong = stream;
  wrong.back() ^= 1;
  CHECK(refusal(png_with_stream(png, wrong)) == "broken PNG (incorrect data check)");
  for (size_t missing = 1; missing < stream.size(); ++missing) {
    CAPTURE(missing);
    const Bytes cut = part_of(stream, 0, stream.size() - missing);
    CHECK(refusal(png_with_stream(png, cut)) == "truncated PNG");
  }
}

TEST_CASE("PNG: a stream may be cut into many chunks, but not be in two places") {
  const Bytes stream = stored_zlib({0, 1, 2});
  Bytes file = part_of(png_with_stream({1, 2, 8, 0}, {}), 0, 8 + 25);
  for (const uint8_t byte : stream) {
    append_chunk(file, "IDAT", {byte});
    append_chunk(file, "IDAT", {});
  }
  Bytes apart = file;
  append_chunk(file, "IEND", {});
  CHECK(decode_image(file).rgb == Bytes{1, 1, 1, 2, 2, 2});
  append_chunk(apart, "tEXt", {});
  append_chunk(apart, "IDAT", {});
  append_chunk(apart, "IEND", {});
  CHECK(refusal(apart) == "broken PNG (pixels in two places)");
}

TEST_CASE("PNG: refusals name the cause") {
  CHECK(refusal(png_of({1, 1, 3, 0}, {5})) == "broken PNG (colour type 0 with 3 bits)");
  CHECK(refusal(png_of({1, 1, 4, 2}, {5})) == "broken PNG (colour type 2 with 4 bits)");
  CHECK(refusal(png_of({1, 1, 16, 3}, {5})) == "broken PNG (colour type 3 with 16 bits)");
  CHECK(refusal(png_of({1, 1, 8, 5}, {5})) == "broken PNG (colour type 5 with 8 bits)");
  CHECK(refusal(png_of({1, 1, 8, 3}, {0})) == "broken PNG (no palette)");
  CHECK(refusal(png_of({1, 1, 8, 3, Bytes(4)}, {0})) == "broken PNG (a palette of 4 bytes)");
  CHECK(refusal(png_of({1, 1, 8, 3, Bytes(771)}, {0})) == "broken PNG (a palette of 771 bytes)");
  CHECK(refusal(png_of({20000, 8000, 16, 2}, {})) == "truncated PNG");  // before memory is taken

  const Bytes good = png_of({1, 1, 8, 0}, {5});
  Bytes two_headers = part_of(good, 0, 8 + 25);
  append(two_headers, part_of(good, 8, good.size()));
  CHECK(refusal(two_headers) == "broken PNG (two headers)");
  Bytes unknown = part_of(good, 0, 8 + 25);
  append_chunk(unknown, "ABCD", {});
  CHECK(refusal(unknown) == "broken PNG (an unknown kind of chunk)");
  Bytes no_header = part_of(good, 0, 8);
  append(no_header, part_of(good, 8 + 25, good.size()));
  CHECK(refusal(no_header) == "broken PNG (no header chunk at the front)");

  const std::span<const uint8_t> endless(good.data(), size_t{1} << 31);  // only its size is used
  CHECK(error_of([&] { decode_png(endless); }) ==
        "PNG of 2147483648 bytes, over the limit of 2147483647");
}

/// zlib's container with one zero and then `repeats` times "258 more of that", 13 bits each.
Bytes zlib_of_zeros(int repeats) {
  Bytes out{0x78, 0x01};
  int used = 8;
  const auto put = [&](unsigned bits, int count) {  // Huffman codes go first bit first
    for (int i = count - 1; i >= 0; --i) {
      if (used == 8) {
        out.push_back(0);
        used = 0;
      }
      out.back() = static_cast<uint8_t>(out.back() | (((bits >> i) & 1u) << used++));
    }
  };
  put(0b110, 3);  // the last block, fixed codes
  put(0b00110000, 8);
  for (int i = 0; i < repeats; ++i) put(0b1100010100000, 13);
  put(0, 7);
  // Adler-32 of n zeros: the sums are 1 and n.
  append(out, big(static_cast<uint32_t>((repeats * int64_t{258} + 1) % 65521) << 16 | 1));
  return out;
}

TEST_CASE("PNG: a stream that unpacks to more than its picture is stopped") {
  const auto with_stream = [](int repeats) {
    return png_with_stream({128, 128, 8, 6}, zlib_of_zeros(repeats));
  };
  CHECK(refusal(with_stream(255)) == "");  // 255 * 258 + 1 bytes; 128 * (128 * 4 + 1) are needed
  CHECK(refusal(with_stream(254)) == "truncated PNG");
  CHECK(refusal(with_stream(400'000)) ==
        "broken PNG (the pixel stream is longer than the picture)");
  // And by the limit on stb_image's blocks, were nobody to look at the stream before.
  CHECK(error_of([] {
          decode_by_stb(png_with_stream({128, 128, 8, 6}, zlib_of_zeros(400'000)), "PNG", 128, 128,
                        3);
        }) == "no memory to decode a PNG");
}

}  // namespace
}  // namespace tl
