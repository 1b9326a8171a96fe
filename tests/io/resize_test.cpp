// resize_bilinear against Pillow (hashes of its output) and against the formula in doubles.
//
// The hashes come from Pillow 13.0.0:
//   i = np.arange(h * w * 3, dtype=np.uint64)
//   x = ((((i * 2654435761) & 0xffffffff) >> 13) & 255).astype(np.uint8).reshape(h, w, 3)
//   y = np.asarray(Image.fromarray(x).resize((out_w, out_h), Image.BILINEAR))
//   h = 0xcbf29ce484222325
//   for byte in y.tobytes(): h = ((h ^ byte) * 0x100000001b3) & 0xffffffffffffffff
#include "io/resize.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/error.h"
#include "tests/io/pictures.h"

namespace tl {
namespace {

using test::hash_of;
using test::noise;

struct ResizeGolden {
  int64_t height, width, out_height, out_width;
  uint64_t hash;
};

const ResizeGolden resize_goldens[] = {
    {1, 1, 1, 1, 0xd7aabf186aab8161u},         {1, 1, 5, 3, 0x675badb763b7c0e9u},
    {7, 5, 7, 5, 0xf80b4e8e634ea9ccu},         {7, 5, 3, 5, 0x499f24a215a4448eu},
    {7, 5, 7, 2, 0x66f80e89ee40baa3u},         {13, 17, 5, 4, 0xfec49c1f6f049c69u},
    {5, 4, 13, 17, 0x24e95a8b5cd501fbu},       {64, 48, 33, 31, 0x8dfe8fdca30990e7u},
    {375, 500, 256, 341, 0x9c48d79e35552e27u}, {100, 30, 853, 256, 0x3ebeaaf06a31b5acu},
    {3, 1000, 256, 700, 0x043d34f20e4dc398u},  {257, 255, 1, 1, 0x2fbd371ae17f7f16u},
};

TEST_CASE("resize_bilinear: the same bytes as Pillow") {
  for (const ResizeGolden& golden : resize_goldens) {
    CAPTURE(golden.height);
    CAPTURE(golden.width);
    const Image y =
        resize_bilinear(noise(golden.height, golden.width), golden.out_height, golden.out_width);
    CHECK(y.height == golden.out_height);
    CHECK(y.width == golden.out_width);
    CHECK(hash_of(y.rgb) == golden.hash);
  }
}

TEST_CASE("resize_bilinear: a window is that part of the whole") {
  const Image x = noise(37, 53);
  for (const auto& [height, width] : {std::pair{20, 31}, {37, 31}, {20, 53}, {37, 53}, {80, 90}}) {
    const Image whole = resize_bilinear(x, height, width);
    for (const Window& window :
         {Window{0, 0, 1, 1}, Window{3, 5, 11, 7}, Window{height - 1, width - 1, 1, 1},
          Window{0, 0, height, width}, Window{height - 6, 0, 6, width}}) {
      const Image part = resize_bilinear(x, height, width, window);
      REQUIRE(part.rgb.size() == static_cast<size_t>(window.height * window.width * 3));
      bool equal = true;
      for (int64_t r = 0; r < window.height; ++r) {
        for (int64_t k = 0; k < window.width * 3; ++k) {
          const auto at = static_cast<size_t>(r * window.width * 3 + k);
          const auto from = static_cast<size_t>(((window.top + r) * width + window.left) * 3 + k);
          equal = equal && part.rgb[at] == whole.rgb[from];
        }
      }
      CHECK(equal);
    }
  }
}

TEST_CASE("resize_bilinear: within rounding of the exact weighted mean") {
  // Two roundings to 8 bits: half a level from the columns, kept by the rows' mean, and half from
  // the rows.
  const Image x = noise(29, 23);
  const auto weight = [](int64_t in, int64_t out, int64_t i, int64_t j) {
    const double s = static_cast<double>(in) / static_cast<double>(out), r = std::max(s, 1.0);
    const double c = (static_cast<double>(i) + 0.5) * s;
    return std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - c) / r);
  };
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{11, 13}, {40, 9}, {31, 47}}) {
    const Image y = resize_bilinear(x, height, width);
    double worst = 0;
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t k = 0; k < width; ++k) {
        double sum = 0, total = 0;
        for (int64_t a = 0; a < x.height; ++a) {
          for (int64_t b = 0; b < x.width; ++b) {
            const double w = weight(x.height, height, r, a) * weight(x.width, width, k, b);
            sum += w * x.rgb[static_cast<size_t>((a * x.width + b) * 3 + 1)];
            total += w;
          }
        }
        worst = std::max(
            worst, std::abs(sum / total - y.rgb[static_cast<size_t>((r * width + k) * 3 + 1)]));
      }
    }
    CHECK(worst <= 1.0 + 1e-3);
    CHECK(worst > 0);
  }
}

TEST_CASE("resize_bilinear: a flat picture stays flat, a whole number of 255s does not overflow") {
  for (const int value : {0, 1, 254, 255}) {
    const Image x{401, 403, std::vector<uint8_t>(401 * 403 * 3, static_cast<uint8_t>(value))};
    const Image y = resize_bilinear(x, 3, 5);
    CHECK(y.rgb == std::vector<uint8_t>(45, static_cast<uint8_t>(value)));
  }
}

TEST_CASE("resize_bilinear: wrong sizes are refused") {
  const Image x = noise(4, 4);
  CHECK_THROWS_AS(resize_bilinear(x, 0, 4), Error);
  CHECK_THROWS_AS(resize_bilinear(Image{}, 4, 4), Error);
  CHECK_THROWS_AS(resize_bilinear(x, 4, 4, {1, 0, 4, 4}), Error);
  CHECK_THROWS_AS(resize_bilinear(x, 4, 4, {0, -1, 2, 2}), Error);
}

}  // namespace
}  // namespace tl
