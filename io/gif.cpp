// GIF: the first frame on its screen, its LZW codes and interlaced rows by stb_image.
// Source: the GIF89a specification.
//
// The screen is ours: stb_image leaves pixels of the transparent colour, and those that no frame
// covers, transparent black, where Pillow shows the colour; it refuses frames that leave the
// screen; and it takes what is missing at the end for background. So it gets a file with nothing
// but the frame, where a pixel that is still transparent has not been written.
//
// Reading order: GifReader (bytes and blocks), decode_gif.
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "io/byte_order.h"
#include "io/picture_format.h"
#include "io/stb_decode.h"
#include "kernels/error.h"

namespace tl {
namespace {

using Bytes = std::span<const uint8_t>;

class GifReader {
 public:
  explicit GifReader(Bytes bytes) : rest_(bytes) {}

  Bytes take(size_t count) {
    check(count <= rest_.size(), "truncated GIF");
    return take_at_most(count);
  }
  Bytes take_at_most(size_t count) {
    const Bytes taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  uint8_t byte() { return take(1)[0]; }
  bool at_end() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

/// All 256 entries; those that the file does not have are black.
using Palette = std::array<uint8_t, 256 * 3>;

Palette read_palette(GifReader& reader, uint8_t flags) {
  Palette palette{};
  std::ranges::copy(reader.take(size_t{6} << (flags & 7)), palette.begin());
  return palette;
}

}  // namespace

Image decode_gif(Bytes file) {
  constexpr uint8_t has_palette = 0x80, is_interlaced = 0x40;
  GifReader reader(file);
  const Bytes screen = reader.take(13);
  Palette palette;
  for (size_t i = 0; i < palette.size(); ++i)  // with no palette at all: grey
    palette[i] = static_cast<uint8_t>(i / 3);
  if (screen[10] & has_palette) palette = read_palette(reader, screen[10]);

  size_t transparent = 0;
  uint8_t kind;
  while ((kind = reader.byte()) != ',') {
    check(kind != ';', "GIF without a picture");
    check(kind == '!', "broken GIF (a block of kind ", int{kind}, ")");
    constexpr uint8_t graphic_control = 0xf9;
    const bool has_transparent = reader.byte() == graphic_control;
    while (const uint8_t length = reader.byte()) {
      const Bytes block = reader.take(length);
      if (has_transparent && length >= 4) transparent = block[0] & 1 ? block[3] : 0;
    }
  }

  const Bytes place = reader.take(9);
  const auto left = size_t{little_endian(&place[0], 2)}, top = size_t{little_endian(&place[2], 2)};
  const auto width = size_t{little_endian(&place[4], 2)};
  const auto height = size_t{little_endian(&place[6], 2)};
  const uint8_t flags = place[8];
  if (flags & has_palette) palette = read_palette(reader, flags);
  check(width > 0 && height > 0, "a GIF frame of ", width, " x ", height, " pixels");
  const size_t whole_width = std::max<size_t>(little_endian(&screen[6], 2), left + width);
  const size_t whole_height = std::max<size_t>(little_endian(&screen[8], 2), top + height);
  check_picture_size(static_cast<int64_t>(whole_width), static_cast<int64_t>(whole_height));
  const uint8_t root_bits = reader.byte();
  check(root_bits >= 1 && root_bits <= 8, "broken GIF (indices of ", int{root_bits}, " bits)");

  std::vector<uint8_t> plain;
  const auto append = [&](Bytes bytes) { std::ranges::copy(bytes, std::back_inserter(plain)); };
  const Bytes size = place.subspan(4, 4);
  append(file.first(6));  // the signature
  append(size);           // the screen is as large as the frame
  append(std::array<uint8_t, 3>{has_palette | 7, 0, 0});
  append(palette);
  append(std::array<uint8_t, 5>{',', 0, 0, 0, 0});
  append(size);
  append(std::array<uint8_t, 2>{static_cast<uint8_t>(flags & is_interlaced), root_bits});
  // Blocks with their length in front, up to one of length 0 or the end of the file: once the
  // pixels are complete, nobody misses what should follow.
  size_t packed = 0;
  while (!reader.at_end()) {
    const Bytes block = reader.take_at_most(reader.byte());
    if (block.empty()) break;
    plain.push_back(static_cast<uint8_t>(block.size()));
    append(block);
    packed += block.size();
  }
  append(std::array<uint8_t, 2>{0, ';'});
  // A code of two bits or more stands for 4,095 indices at most.
  check(width * height / 4096 <= packed * 4, "truncated GIF");
  const std::vector<uint8_t> frame =
      decode_by_stb(plain, "GIF", static_cast<int64_t>(width), static_cast<int64_t>(height), 4);

  Image image{static_cast<int64_t>(whole_height), static_cast<int64_t>(whole_width),
              std::vector<uint8_t>(whole_height * whole_width * 3)};
  for (size_t i = 0; i < image.rgb.size(); i += 3)  // around a smaller frame
    std::copy_n(palette.data() + 3 * transparent, 3, image.rgb.data() + i);
  const uint8_t* rgba = frame.data();
  for (size_t y = 0; y < height; ++y) {
    uint8_t* rgb = image.rgb.data() + ((top + y) * whole_width + left) * 3;
    for (size_t x = 0; x < width; ++x, rgba += 4, rgb += 3) {
      check(rgba[3] != 0, "truncated GIF");  // not written
      std::copy_n(rgba, 3, rgb);
    }
  }
  return image;
}

}  // namespace tl
