// decode_gif: exact pixels of the first frame; damage noticed.
#include <doctest/doctest.h>

#include "io/picture_format.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;

/// Colour i is (i, 255 - i, 7).
Bytes palette_of(int colours) {
  Bytes palette;
  for (int i = 0; i < colours; ++i)
    append(palette, {static_cast<uint8_t>(i), static_cast<uint8_t>(255 - i), 7});
  return palette;
}

Bytes rgb_of(const Bytes& indices) {
  Bytes rgb;
  for (const uint8_t i : indices) append(rgb, {i, static_cast<uint8_t>(255 - i), 7});
  return rgb;
}

Bytes noise_indices(size_t count, int colours) {
  Bytes indices = noise(1, static_cast<int64_t>(count)).rgb;
  indices.resize(count);
  for (uint8_t& i : indices) i = static_cast<uint8_t>(i % colours);
  return indices;
}

TEST_CASE("GIF: every size of palette, and streams that fill LZW's table") {
  for (const int colours : {2, 4, 8, 16, 32, 64, 128, 256}) {
    CAPTURE(colours);
    const Bytes indices = noise_indices(101 * 103, colours);  // over 4,096 codes
    const Image image = decode_image(gif_of({103, 101, palette_of(colours)}, indices));
    CHECK(image.height == 101);
    CHECK(image.width == 103);
    CHECK(image.rgb == rgb_of(indices));
  }
}

TEST_CASE("GIF: strings that name themselves") {
  const Bytes indices(1000, 1);  // a run: every code is the one that it completes
  CHECK(decode_image(gif_of({1000, 1, palette_of(4)}, indices)).rgb == rgb_of(indices));
}

TEST_CASE("GIF: interlaced rows, a local palette") {
  // Nine rows of one pixel: the passes take rows 0 8, 4, 2 6, 1 3 5 7.
  const Gif gif{.width = 1,
                .height = 9,
                .palette = palette_of(16),
                .interlaced = true,
                .local_palette = true};
  CHECK(decode_image(gif_of(gif, {0, 8, 4, 2, 6, 1, 3, 5, 7})).rgb ==
        rgb_of({0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_CASE("GIF: around a frame that is smaller lies the transparent colour, else colour 0") {
  Gif gif{.width = 1,
          .height = 1,
          .palette = palette_of(4),
          .left = 1,
          .top = 1,
          .screen_width = 3,
          .screen_height = 2};
  const Image image = decode_image(gif_of(gif, {3}));
  CHECK(image.width == 3);
  CHECK(image.rgb == rgb_of({0, 0, 0, 0, 3, 0}));
  gif.transparent = 2;
  CHECK(decode_image(gif_of(gif, {3})).rgb == rgb_of({2, 2, 2, 2, 3, 2}));
  CHECK(decode_image(gif_of(gif, {2})).rgb == rgb_of({2, 2, 2, 2, 2, 2}));
  gif.screen_width = 1;  // a frame that leaves the screen makes it larger
  CHECK(decode_image(gif_of(gif, {3})).rgb == rgb_of({2, 2, 2, 3}));
}

TEST_CASE("GIF: indices beyond the palette are black, with no palette they are grey") {
  auto file = gif_of({2, 1, palette_of(4)}, {1, 3});
  CHECK(decode_image(file).rgb == rgb_of({1, 3}));
  file[10] = 0x80;  // two colours; the other two become a comment
  file.erase(file.begin() + 13 + 6, file.begin() + 13 + 12);
  CHECK(decode_image(file).rgb == Bytes{1, 254, 7, 0, 0, 0});
  file[10] = 0;
  file.erase(file.begin() + 13, file.begin() + 13 + 6);
  CHECK(decode_image(file).rgb == Bytes{1, 1, 1, 3, 3, 3});
}

TEST_CASE("GIF: a table that stays full is refused after 4,096 codes, which Pillow reads") {
  // Clear, then 0 and 1 in turn as codes of one index each: every one of them completes a string.
  const auto never_cleared = [](int codes) {
    Bytes packed;
    uint64_t bits = 4;
    int used = 3, code_bits = 3, next = 6;
    for (int i = 0; i <= codes; ++i) {
      bits |= static_cast<uint64_t>(i < codes ? i % 2 : 5) << used;
      for (used += code_bits; used >= 8; used -= 8, bits >>= 8)
        packed.push_back(static_cast<uint8_t>(bits));
      if (i > 0 && next < 4096 && ++next == 1 << code_bits && code_bits < 12) ++code_bits;
    }
    packed.push_back(static_cast<uint8_t>(bits));
    Bytes file = gif_of({static_cast<uint32_t>(codes), 1, palette_of(4)}, {0});
    file.resize(13 + 12 + 6 + 10 + 1);  // up to the first block
    for (size_t at = 0; at < packed.size(); at += 255) {
      const size_t n = std::min<size_t>(255, packed.size() - at);
      file.push_back(static_cast<uint8_t>(n));
      append(file, part_of(packed, at, at + n));
    }
    append(file, {0, ';'});
    return file;
  };
  const int most = 8192 - 6 + 1;
  Bytes indices;
  for (int i = 0; i < most; ++i) indices.push_back(i % 2);
  CHECK(decode_image(never_cleared(most)).rgb == rgb_of(indices));
  CHECK(refusal(never_cleared(most + 1)) == "broken GIF (too many codes)");
}

TEST_CASE("GIF: an early end mark leaves pixels out, later frames are passed over") {
  Bytes file = gif_of({3, 1, palette_of(4)}, {1, 1, 1});
  const Bytes whole = file;
  file[13 + 12 + 6 + 5] = 4;  // wider than its codes are
  file[6] = 4;
  CHECK(refusal(file) == "truncated GIF");
  Bytes two = part_of(whole, 0, whole.size() - 1);
  append(two, part_of(gif_of({3, 1, palette_of(4)}, {2, 2, 2}), 13 + 12, whole.size()));
  CHECK(decode_image(two).rgb == rgb_of({1, 1, 1}));
}

TEST_CASE("GIF: truncation is noticed while pixels are missing") {
  const auto whole = gif_of({31, 17, palette_of(64)}, noise_indices(31 * 17, 64));
  const size_t end = whole.size() - 4;  // the last bits, the end mark, the end of blocks, ';'
  for (size_t length = 6; length < end; ++length) {
    CAPTURE(length);
    CHECK(refusal(part_of(whole, 0, length)) == "truncated GIF");
  }
  CHECK(refusal(part_of(whole, 0, whole.size() - 2)) == "");
}

TEST_CASE("GIF: refusals name the cause") {
  const auto good = gif_of({1, 1, palette_of(4)}, {3});
  const size_t comment = 13 + 12, frame = comment + 6, size = frame + 10;
  REQUIRE(good[comment] == '!');
  REQUIRE(good[frame] == ',');
  const auto changed = [&](size_t at, uint8_t value) {
    Bytes file = good;
    file[at] = value;
    return refusal(file);
  };
  CHECK(changed(comment, ';') == "GIF without a picture");
  CHECK(changed(comment, 9) == "broken GIF (a block of kind 9)");
  CHECK(changed(size + 2, 0b00111000) == "broken GIF (no clear code)");  // 0, then 7
  CHECK(changed(size, 0) == "broken GIF (indices of 0 bits)");
  CHECK(changed(size, 9) == "broken GIF (indices of 9 bits)");
  CHECK(changed(frame + 5, 0) == "a GIF frame of 0 x 1 pixels");
  CHECK(changed(frame + 6, 0xff) == "truncated GIF");  // 65,281 wide: one code cannot fill it
  CHECK(changed(size + 2, 0b00111100) == "broken GIF (illegal code in raster)");  // clear, then 7
}

}  // namespace
}  // namespace tl
