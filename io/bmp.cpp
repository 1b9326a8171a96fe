// BMP by stb_image: Windows' bitmaps of 1 to 32 bits per pixel and OS/2's older ones, but not their
// run lengths. Source: "Bitmap Storage" of the Windows documentation.
//
// The header is read here: of OS/2's, stb_image miscounts the palette; of any, it takes what lies
// before the pixels for the palette, and nothing else may lie there.
//
// Reading order: BmpHeader and read_bmp_header, check_masks, plain_file, decode_bmp.
#include <algorithm>
#include <array>
#include <bit>

#include "io/byte_order.h"
#include "io/picture_format.h"
#include "io/stb_decode.h"
#include "kernels/error.h"

namespace tl {
namespace {

constexpr uint32_t stored_plain = 0, stored_rle8 = 1, stored_rle4 = 2, stored_masks = 3;

using Masks = std::array<uint32_t, 3>;  // red, green, blue: their bits in a pixel
constexpr Masks masks_of_bytes{0xff0000, 0xff00, 0xff};

struct BmpHeader {
  int64_t width = 0, height = 0;
  bool from_below = true;  // the first stored row is the lowest
  int bits = 0;
  Masks masks{};                           // of 16 bits and more
  std::array<uint8_t, 256 * 4> palette{};  // blue, green, red, 0; beyond its last entry: black
  size_t pixels = 0;                       // where they begin
};

BmpHeader read_bmp_header(std::span<const uint8_t> file) {
  constexpr size_t info = 14;  // where the second header begins, whose first field is its size
  check(file.size() >= info + 12, "truncated BMP");
  const auto number = [&](size_t at, int bytes) {
    check(at + static_cast<size_t>(bytes) <= file.size(), "truncated BMP");
    return little_endian(file.data() + at, bytes);
  };
  BmpHeader header;
  const uint32_t info_bytes = number(info, 4);
  uint32_t compression = stored_plain, colours = 0;
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
    compression = number(info + 16, 4);
    colours = number(info + 32, 4);
  }
  check_picture_size(header.width, header.height);
  const int bits = header.bits;
  check(bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32, "BMP of ",
        bits, " bits per pixel, expected 1, 4, 8, 16, 24 or 32");
  check(compression != stored_rle8 && compression != stored_rle4,
        "BMP in run lengths, which are not read");
  check(compression == stored_plain || (compression == stored_masks && bits >= 16), "BMP of ", bits,
        " bits per pixel with compression ", compression, ", which is not read");

  size_t end = info + info_bytes;
  if (bits >= 16) {
    header.masks = bits == 16 ? Masks{0x7c00, 0x3e0, 0x1f} : masks_of_bytes;
    if (compression == stored_masks) {
      Masks masks;
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
      for (size_t k = 0; k < 3; ++k) header.palette[4 * i + k] = static_cast<uint8_t>(bgr >> 8 * k);
    }
    end += colours * entry_bytes;
  }
  const uint32_t stated = number(10, 4);
  // Some writers forget the palette when they state where the pixels begin.
  header.pixels = stated == 0 || (bits <= 8 && stated == info + info_bytes) ? end : stated;
  check(header.pixels <= file.size(), "truncated BMP");
  return header;
}

/// stb_image reads masks of up to 8 bits, wrongly where these are apart.
void check_masks(const Masks& masks, int bits) {
  check(bits != 24 || masks == masks_of_bytes,
        "BMP of 24 bits per pixel with other masks than bytes");
  for (const uint32_t mask : masks) {
    const uint32_t largest = mask ? mask >> std::countr_zero(mask) : 0;
    check(largest > 0 && largest <= 255 && std::has_single_bit(largest + 1),
          "BMP with a colour mask of ", mask, ", expected 1 to 8 bits side by side");
  }
}

/// A header of 40 bytes, then masks or a palette of all colours, then the rows.
std::vector<uint8_t> plain_file(const BmpHeader& header, std::span<const uint8_t> rows) {
  const bool packed = header.bits == 16 || header.bits == 32, indexed = header.bits <= 8;
  const uint32_t colours = indexed ? 1u << header.bits : 0;
  const uint32_t start = 14 + 40 + (packed ? 12 : 4 * colours);
  const auto height = static_cast<uint32_t>(header.height);
  std::vector<uint8_t> plain{'B', 'M'};
  plain.reserve(start + rows.size());
  const auto append = [&](uint32_t number, int bytes = 4) {
    append_little_endian(plain, number, bytes);
  };
  append(start + static_cast<uint32_t>(rows.size()));
  append(0);
  append(start);
  append(40);
  append(static_cast<uint32_t>(header.width));
  append(header.from_below ? height : -height);
  append(1, 2);  // planes
  append(static_cast<uint32_t>(header.bits), 2);
  append(packed ? stored_masks : stored_plain);
  for (const uint32_t number : {0u, 0u, 0u, colours, 0u}) append(number);
  if (packed) {
    for (const uint32_t mask : header.masks) append(mask);
  }
  plain.insert(plain.end(), header.palette.begin(), header.palette.begin() + 4 * colours);
  plain.insert(plain.end(), rows.begin(), rows.end());
  return plain;
}

}  // namespace

Image decode_bmp(std::span<const uint8_t> file) {
  const BmpHeader header = read_bmp_header(file);
  if (header.bits >= 16) check_masks(header.masks, header.bits);
  // Whole rows of whole words, of which the last may lack what fills its last word.
  const auto height = static_cast<size_t>(header.height);
  const size_t row_bits = static_cast<size_t>(header.width) * static_cast<size_t>(header.bits);
  const size_t stride = (row_bits + 31) / 32 * 4;
  const size_t whole = stride * height;
  const std::span<const uint8_t> stored = file.subspan(header.pixels);
  check(stored.size() >= whole - stride + (row_bits + 7) / 8, "truncated BMP");
  std::vector<uint8_t> plain = plain_file(header, stored.first(std::min(stored.size(), whole)));
  if (stored.size() < whole) plain.resize(plain.size() + whole - stored.size());
  return {header.height, header.width, decode_by_stb(plain, "BMP", header.width, header.height, 3)};
}

}  // namespace tl
