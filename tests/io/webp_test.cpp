// decode_webp: lossless pixels exactly, lossy ones as libwebp has them, the first of an animation.
#include <doctest/doctest.h>
#include <webp/decode.h>

#include "io/picture_format.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;

TEST_CASE("WebP: lossless gives its pixels back, lossy libwebp's") {
  const Image image = noise(37, 21);
  const Image lossless = decode_image(webp_of(image, true));
  CHECK(lossless.height == 37);
  CHECK(lossless.width == 21);
  CHECK(lossless.rgb == image.rgb);

  const Bytes file = webp_of(image, false);
  int width = 0, height = 0;
  uint8_t* expected = WebPDecodeRGB(file.data(), file.size(), &width, &height);
  REQUIRE(expected != nullptr);
  CHECK(decode_image(file).rgb == Bytes(expected, expected + image.rgb.size()));
  WebPFree(expected);
}

TEST_CASE("WebP: alpha is dropped, not composed") {
  const Bytes rgba{1, 2, 3, 255, 4, 5, 6, 128, 7, 8, 9, 1, 10, 11, 12, 2};
  uint8_t* bytes = nullptr;
  const size_t size = WebPEncodeLosslessRGBA(rgba.data(), 2, 2, 8, &bytes);
  const Bytes file(bytes, bytes + size);
  WebPFree(bytes);
  CHECK(decode_image(file).rgb == Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
}

TEST_CASE("WebP: an animation gives its first frame, in its place") {
  const Image frame = noise(3, 5);
  const Image image = decode_image(webp_animation(frame, 2, 4, 8, 9));
  CHECK(image.height == 9);
  CHECK(image.width == 8);
  Bytes expected(8 * 9 * 3);
  for (size_t y = 0; y < 3; ++y) {
    for (size_t i = 0; i < 15; ++i) expected[((y + 4) * 8 + 2) * 3 + i] = frame.rgb[y * 15 + i];
  }
  CHECK(image.rgb == expected);
  CHECK(refusal(webp_animation(frame, 4, 4, 8, 9)) == "broken WebP (a frame outside the picture)");
  CHECK(refusal(webp_animation(frame, 2, 8, 8, 9)) == "broken WebP (a frame outside the picture)");
  auto resized = webp_animation(frame, 2, 4, 8, 9);
  resized[12 + 18 + 14 + 8 + 6] = 3;  // the width that the frame states, less 1
  CHECK(refusal(resized) == "broken WebP (a frame of two sizes)");
}

TEST_CASE("WebP: truncation anywhere is noticed") {
  for (const Bytes& whole :
       {webp_of(noise(20, 30), true), webp_of(noise(20, 30), false),
        webp_animation(noise(4, 4), 0, 0, 4, 4), webp_with_exif(noise(4, 4), exif_of(3))}) {
    for (size_t length = 12; length < whole.size(); ++length) {
      CAPTURE(length);
      CHECK(refusal(part_of(whole, 0, length)) == "truncated WebP");
      // The same where the container's size agrees.
      Bytes shorter = part_of(whole, 0, length);
      const Bytes size = little(static_cast<uint32_t>(length - 8));
      std::ranges::copy(size, shorter.begin() + 4);
      const std::string text = refusal(shorter);
      if (!text.empty()) CHECK(is_one_line(text));
    }
  }
}

TEST_CASE("WebP: sizes are checked before pixels are allocated") {
  const Bytes huge = webp_animation(noise(4, 4), 0, 0, 20000, 20000);
  CHECK(refusal(huge) == "a picture of 20000 x 20000 pixels is over the limit of 178956970 pixels");
}

}  // namespace
}  // namespace tl
