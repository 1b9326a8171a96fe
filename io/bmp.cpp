// BMP: Windows' bitmaps of 1 to 32 bits per pixel and OS/2's older ones.
// Source: "Bitmap Storage" of the Windows documentation.
//
// Reading order: Header and read_header, colour masks, the three ways in which pixels are stored
// (palette indices, packed colours, run lengths), decode_bmp.
#include <algorithm>
#include <array>
#include <bit>

#include "io/byte_order.h"
#include "io/picture_format.h"
#include "kernels/error.h"

namespace tl {
namespace {

constexpr uint32_t stored_plain = 0, stored_rle8 = 1, stored_rle4 = 2, stored_masks = 3;

using Palette = std::array<uint8_t, 256 * 3>;  // beyond its last entry: black

struct Header {
  int64_t width = 0, height = 0;
  bool from_below = true;  // the first stored row is the lowest
  int bits = 0;
  uint32_t compression = stored_plain;
  std::array<uint32_t, 3> masks{};  // red, green, blue; of packed colours only
  Palette palette{};
  size_t pixels = 0;  // where they begin
};

Header read_header(std::span<const uint8_t> file) {
  constexpr size_t info = 14;  // where the second header begins, whose first field is its size
  check(file.size() >= info + 12, "truncated BMP");
  const auto number = [&](size_t at, int bytes) {
    check(at + static_cast<size_t>(bytes) <= file.size(), "truncated BMP");
    return little_endian(file.data() + at, bytes);
  };
  Header header;
  const uint32_t info_bytes = number(info, 4);
  uint32_t colours = 0;
  const bool os2 = info_bytes == 12;
  if (os2) {
    header.width = number(info + 4, 2);
    header.height = number(info + 6, 2);
    header.bits = static_cast<int>(number(info + 10, 2));
  } else {
    check(info_bytes >= 40 && info_bytes <= 124, "BMP with a header of ", info_bytes,
          " bytes, expected 12 or 40 to 124");
    const auto height = static_cast<int32_t>(number(info + 8, 4));
    header.width = static_cast<int32_t>(number(info + 4, 4));
    header.height = height < 0 ? -int64_t{height} : height;
    header.from_below = height >= 0;
    header.bits = static_cast<int>(number(info + 14, 2));
    header.compression = number(info + 16, 4);
    colours = number(info + 32, 4);
  }
  check_picture_size(header.width, header.height);
  const int bits = header.bits;
  check(bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32, "BMP of ",
        bits, " bits per pixel, expected 1, 4, 8, 16, 24 or 32");
  const uint32_t compression = header.compression;
  check(compression == stored_plain || (compression == stored_masks && bits >= 16) ||
            (compression == stored_rle8 && bits == 8) || (compression == stored_rle4 && bits == 4),
        "BMP of ", bits, " bits per pixel with compression ", compression, ", which is not read");

  size_t end = info + info_bytes;
  if (bits >= 16) {
    header.masks = bits == 16 ? std::array<uint32_t, 3>{0x7c00, 0x3e0, 0x1f}
                              : std::array<uint32_t, 3>{0xff0000, 0xff00, 0xff};
    if (compression == stored_masks) {
      std::array<uint32_t, 3> masks;
      for (size_t i = 0; i < 3; ++i) masks[i] = number(info + 40 + 4 * i, 4);
      if (masks[0] | masks[1] | masks[2]) header.masks = masks;
      if (info_bytes == 40) end += 12;
    }
  } else {
    const size_t entry_bytes = os2 ? 3 : 4;  // blue, green, red
    if (colours == 0) colours = 1u << bits;
    check(colours <= 65536, "BMP with a palette of ", colours, " colours");
    for (size_t i = 0; i < std::min<size_t>(colours, 256); ++i) {
      const uint32_t bgr = number(end + i * entry_bytes, 3);
      for (int channel = 0; channel < 3; ++channel) {
        header.palette[3 * i + static_cast<size_t>(channel)] =
            static_cast<uint8_t>(bgr >> (16 - 8 * channel));
      }
    }
    end += colours * entry_bytes;
  }
  const uint32_t stated = number(10, 4);
  // Some writers forget the palette when they state where the pixels begin.
  header.pixels = stated == 0 || (bits <= 8 && stated == info + info_bytes) ? end : stated;
  check(header.pixels <= file.size(), "truncated BMP");
  return header;
}

/// A colour's part of a pixel, stretched to 0 to 255; division rounds down, as Pillow's does.
struct Channel {
  explicit Channel(uint32_t mask_of_it) : mask(mask_of_it) {
    shift = mask ? std::countr_zero(mask) : 0;
    largest = mask >> shift;
    check((largest & (uint64_t{largest} + 1)) == 0, "broken BMP (a colour's bits are apart)");
  }
  uint8_t of(uint32_t pixel) const {
    const uint32_t value = (pixel & mask) >> shift;
    if (largest == 0 || largest == 255) return static_cast<uint8_t>(value);
    return static_cast<uint8_t>(uint64_t{value} * 255 / largest);
  }
  uint32_t mask, largest;
  int shift;
};

void put_colour(const Palette& palette, uint32_t index, uint8_t* rgb) {
  std::copy_n(palette.data() + 3 * index, 3, rgb);
}

void decode_plain(const Header& header, std::span<const uint8_t> stored, Image& image) {
  const auto width = static_cast<size_t>(header.width);
  const auto height = static_cast<size_t>(header.height);
  const auto bits = static_cast<size_t>(header.bits);
  const size_t stride = (width * bits + 31) / 32 * 4;
  check(stored.size() / stride >= height ||
            stored.size() >= (height - 1) * stride + (width * bits + 7) / 8,
        "truncated BMP");
  const Channel red(header.masks[0]), green(header.masks[1]), blue(header.masks[2]);
  for (size_t y = 0; y < height; ++y) {
    const uint8_t* row = stored.data() + y * stride;
    uint8_t* rgb = image.rgb.data() + (header.from_below ? height - 1 - y : y) * width * 3;
    for (size_t x = 0; x < width; ++x, rgb += 3) {
      if (bits <= 8) {
        const size_t bit = x * bits;
        const uint32_t index = row[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1);
        put_colour(header.palette, index, rgb);
      } else {
        const uint32_t pixel = little_endian(row + x * bits / 8, header.bits / 8);
        rgb[0] = red.of(pixel);
        rgb[1] = green.of(pixel);
        rgb[2] = blue.of(pixel);
      }
    }
  }
}

/// Pairs of bytes (n, value): value n times; (0, 0) end of the row, (0, 1) of the picture, (0, 2)
/// followed by steps right and down, (0, n) followed by n pixels, padded to an even number of
/// bytes. In RLE4 a byte holds two pixels. What is passed over has colour 0; a run does not leave
/// its row.
void decode_runs(const Header& header, std::span<const uint8_t> stored, Image& image) {
  const bool half_bytes = header.compression == stored_rle4;
  for (int64_t i = 0; i < header.width * header.height; ++i)
    put_colour(header.palette, 0, image.rgb.data() + 3 * i);
  int64_t x = 0, y = 0;
  const auto put = [&](uint32_t index) {
    if (x >= header.width) return;
    const int64_t row = header.from_below ? header.height - 1 - y : y;
    put_colour(header.palette, index, image.rgb.data() + (row * header.width + x) * 3);
    ++x;
  };
  const auto half = [](uint8_t byte, int i) -> uint32_t { return i % 2 ? byte & 15 : byte >> 4; };
  size_t at = 0;
  while (y < header.height && !(y == header.height - 1 && x == header.width)) {
    check(stored.size() - at >= 2, "truncated BMP");
    const int count = stored[at];
    const uint8_t value = stored[at + 1];
    at += 2;
    if (count > 0) {
      for (int i = 0; i < count; ++i) put(half_bytes ? half(value, i) : value);
    } else if (value == 0) {
      x = 0;
      ++y;
    } else if (value == 1) {
      return;
    } else if (value == 2) {
      check(stored.size() - at >= 2, "truncated BMP");
      x = std::min(x + stored[at], header.width);
      y += stored[at + 1];
      at += 2;
    } else {
      const size_t bytes = half_bytes ? (size_t{value} + 1) / 2 : value;
      check(stored.size() - at >= bytes, "truncated BMP");
      for (int i = 0; i < value; ++i)
        put(half_bytes ? half(stored[at + static_cast<size_t>(i) / 2], i)
                       : stored[at + static_cast<size_t>(i)]);
      at = std::min(at + bytes + bytes % 2, stored.size());
    }
  }
}

}  // namespace

Image decode_bmp(std::span<const uint8_t> file) {
  const Header header = read_header(file);
  const std::span<const uint8_t> stored = file.subspan(header.pixels);
  const bool runs = header.compression == stored_rle8 || header.compression == stored_rle4;
  const auto pixels = static_cast<size_t>(header.width * header.height);
  check(runs || pixels / 8 <= stored.size(), "truncated BMP");  // before memory is taken
  Image image{header.height, header.width, std::vector<uint8_t>(pixels * 3)};
  if (runs) {
    decode_runs(header, stored, image);
  } else {
    decode_plain(header, stored, image);
  }
  return image;
}

}  // namespace tl
