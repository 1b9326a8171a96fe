// Damaged pictures of every format: no crash, no hang, and a picture or one line that names the
// cause. The same 200 in every run; TL_DAMAGED_PICTURES sets another number, for a long run with
// the sanitizers.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "io/picture_format.h"
#include "kernels/error.h"
#include "tests/io/picture_files.h"

namespace tl {
namespace {

using namespace test;

struct Whole {
  const char* kind;
  Bytes file;
  size_t header;  // how many of its first bytes state sizes and the like
};

/// Small pictures, in as many kinds as take a path of their own through the decoders.
std::vector<Whole> whole_pictures() {
  const Image image = noise(20, 13), large = noise(40, 33);
  Bytes indices = part_of(noise(20, 13).rgb, 0, 20 * 13);
  for (uint8_t& index : indices) index %= 64;
  const Bytes colours = part_of(image.rgb, 0, 64 * 3), bgrx = part_of(image.rgb, 0, 64 * 4);
  const auto rows = [](size_t bytes) { return Bytes(bytes, 0x35); };
  Png interlaced{.height = 20, .width = 13, .depth = 8, .colour = 2, .interlaced = true};
  const Bytes interlaced_rows(13 * 20 * 3 + 64, 0);  // no filter, black, and some more than needed
  Bytes masks;
  for (const uint32_t mask : {0xf800u, 0x7e0u, 0x1fu}) append(masks, little(mask));
  return {
      {"JPEG", jpeg_of(large), 200},
      {"JPEG, progressive", jpeg_of(large, {.progressive = true}), 200},
      {"JPEG, restarts, EXIF", jpeg_of(large, {.restart_interval = 1, .exif = exif_marker(6)}),
       250},
      {"JPEG, CMYK", jpeg_of(20, 13, Bytes(20 * 13 * 4, 90), {.space = JCS_CMYK}), 200},
      {"PNG", png_of({20, 13, 8, 2}, image.rgb), 41},
      {"PNG, palette", png_of({20, 13, 4, 3, part_of(image.rgb, 0, 48)}, rows(20 * 7)), 90},
      {"PNG, 16-bit, EXIF",
       png_of({.height = 20, .width = 13, .depth = 16, .colour = 6, .exif = exif_of(7)},
              rows(20 * 13 * 8)),
       90},
      {"PNG, interlaced", png_with_stream(interlaced, stored_zlib(interlaced_rows)), 41},
      {"BMP", bmp_of(image), 54},
      {"BMP, palette", bmp_of({13, 20, 8, 0, bgrx}, rows(20 * 16)), 60},
      {"BMP, 4 bits, from above", bmp_of({13, -20, 4, 0, part_of(bgrx, 0, 40)}, rows(20 * 8)), 60},
      {"BMP, 1 bit", bmp_of({13, 20, 1, 0, part_of(bgrx, 0, 8)}, rows(20 * 4)), 60},
      {"BMP, masks", bmp_of({13, 20, 16, 3, {}, masks}, rows(20 * 28)), 66},
      {"GIF", gif_of({.width = 13, .height = 20, .palette = colours}, indices), 13},
      {"GIF, interlaced, local palette",
       gif_of({.width = 13,
               .height = 20,
               .palette = colours,
               .left = 3,
               .top = 2,
               .interlaced = true,
               .local_palette = true,
               .transparent = 4},
              indices),
       45},
      {"WebP, lossy", webp_of(image, false), 30},
      {"WebP, lossless", webp_of(image, true), 30},
      {"WebP, animation", webp_animation(image, 2, 2, 20, 30), 80},
      {"WebP, EXIF", webp_with_exif(image, exif_of(5)), 60},
  };
}

/// One damage of five kinds. A PNG gets its checksums set right again in half of the cases, for no
/// damage gets past them otherwise.
class Damage {
 public:
  explicit Damage(uint64_t seed) : random_(seed) {}

  Bytes of(const Whole& whole) {
    Bytes file = whole.file;
    const size_t header = std::min(whole.header, file.size());
    switch (below(5)) {
      case 0:  // ends early
        file.resize(below(file.size()));
        break;
      case 1:  // flipped bits anywhere
        for (size_t flips = 1 + below(4); flips-- > 0;)
          file[below(file.size())] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 2:  // other numbers in the header: 0, the largest, any
        for (size_t bytes = 1 + below(4), at = below(header); bytes-- > 0 && at < header; ++at)
          file[at] = static_cast<uint8_t>(below(3) == 0 ? 0 : below(2) == 0 ? 255 : below(256));
        break;
      case 3:  // another signature
        file[below(std::min<size_t>(file.size(), 12))] = static_cast<uint8_t>(below(256));
        break;
      default: {  // a piece is missing, or there twice
        const size_t from = below(file.size()), to = from + below(file.size() - from) + 1;
        const Bytes piece = part_of(file, from, to);
        const auto at = file.begin() + static_cast<std::ptrdiff_t>(from);
        if (below(2))
          file.erase(at, at + static_cast<std::ptrdiff_t>(piece.size()));
        else
          file.insert(at, piece.begin(), piece.end());
      }
    }
    if (below(2)) repair_checksums(file);
    return file;
  }

 private:
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  static void repair_checksums(Bytes& file) {
    if (file.size() < 8 || file[0] != 0x89 || file[1] != 'P') return;
    Bytes repaired = part_of(file, 0, 8);
    for (size_t at = 8; at + 12 <= file.size();) {
      const size_t length = size_t{file[at]} << 24 | size_t{file[at + 1]} << 16 |
                            size_t{file[at + 2]} << 8 | file[at + 3];
      if (length > file.size() - at - 12) return;
      append_chunk(repaired, {reinterpret_cast<const char*>(&file[at + 4]), 4},
                   part_of(file, at + 8, at + 8 + length));
      at += 12 + length;
    }
    file = repaired;
  }

  std::mt19937_64 random_;
};

TEST_CASE("damaged pictures: a picture or one line, in time") {
  const std::vector<Whole> wholes = whole_pictures();
  for (const Whole& whole : wholes) {
    CAPTURE(whole.kind);
    REQUIRE(refusal(whole.file) == "");
  }
  const char* wanted = std::getenv("TL_DAMAGED_PICTURES");
  const int count = wanted ? std::atoi(wanted) : 200;
  Damage damage(1);
  int refused = 0;
  std::vector<int> refused_of(wholes.size());
  for (int i = 0; i < count; ++i) {
    const size_t kind = static_cast<size_t>(i) % wholes.size();
    const Bytes file = damage.of(wholes[kind]);
    CAPTURE(i);
    CAPTURE(wholes[kind].kind);
    const auto start = std::chrono::steady_clock::now();
    try {
      const Image image = decode_image(file);
      CHECK(image.height > 0);
      CHECK(image.width > 0);
      CHECK(image.rgb.size() == static_cast<size_t>(image.height * image.width * 3));
    } catch (const Error& error) {
      CHECK(is_one_line(error.what()));
      ++refused;
      ++refused_of[kind];
    }  // anything else that is thrown fails the test
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    CHECK(seconds.count() < 20);  // a header may claim 178 million pixels, in a sanitizer's build
  }
  CAPTURE(refused);
  CHECK(refused > count / 2);
  CHECK(refused < count * 9 / 10);  // the damage reaches past the headers
  if (count >= 200) {
    for (size_t kind = 0; kind < wholes.size(); ++kind) {
      CAPTURE(wholes[kind].kind);
      CHECK(refused_of[kind] > 0);
    }
  }
}

}  // namespace
}  // namespace tl
