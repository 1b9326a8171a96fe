// Reading order: exif_orientation walks the first directory of a TIFF block; upright copies.
#include "io/exif.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "io/byte_order.h"

namespace tl {

int exif_orientation(std::span<const uint8_t> exif) {
  constexpr size_t prefix_bytes = 6;
  if (exif.size() >= prefix_bytes && std::memcmp(exif.data(), "Exif\0\0", prefix_bytes) == 0)
    exif = exif.subspan(prefix_bytes);
  if (exif.size() < 8) return 1;
  const bool little = std::memcmp(exif.data(), "II*\0", 4) == 0;
  if (!little && std::memcmp(exif.data(), "MM\0*", 4) != 0) return 1;
  const auto number = [&](size_t at, int bytes) {
    return little ? little_endian(exif.data() + at, bytes) : big_endian(exif.data() + at, bytes);
  };

  constexpr size_t entry_bytes = 12;  // tag 2, type 2, count 4, value 4
  const size_t directory = number(4, 4);
  if (directory > exif.size() - 2) return 1;
  const size_t fits = (exif.size() - directory - 2) / entry_bytes;
  const size_t entries = std::min<size_t>(number(directory, 2), fits);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * entry_bytes;
    if (number(entry, 2) != 0x0112) continue;
    const uint32_t type = number(entry + 2, 2);  // 1, 3, 4: integers of 1, 2 and 4 bytes
    const int bytes = type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : 0;
    const uint32_t value = bytes == 0 ? 0 : number(entry + 8, bytes);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image upright(Image stored, int orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const bool transposed = orientation >= 5;
  const bool from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;

  // Where the first pixel seen is stored, and how far it is to the one below and to the right.
  const int64_t row_step = from_below ? -stored.width : stored.width;
  const int64_t column_step = from_right ? -1 : 1;
  const int64_t first =
      (from_below ? (stored.height - 1) * stored.width : 0) + (from_right ? stored.width - 1 : 0);
  const int64_t down = transposed ? column_step : row_step;
  const int64_t right = transposed ? row_step : column_step;

  Image seen{stored.height, stored.width, std::vector<uint8_t>(stored.rgb.size())};
  if (transposed) std::swap(seen.height, seen.width);
  uint8_t* to = seen.rgb.data();
  for (int64_t y = 0; y < seen.height; ++y) {
    for (int64_t x = 0; x < seen.width; ++x, to += 3) {
      std::memcpy(to, stored.rgb.data() + (first + y * down + x * right) * 3, 3);
    }
  }
  return seen;
}

}  // namespace tl
