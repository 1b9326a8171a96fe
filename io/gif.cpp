// GIF: the first frame. Source: the GIF89a specification; LZW as in its appendix F.
//
// Reading order: Reader (bytes and blocks), decode_lzw, decode_gif.
#include <algorithm>
#include <array>
#include <cstddef>

#include "io/byte_order.h"
#include "io/picture_format.h"
#include "kernels/error.h"

namespace tl {
namespace {

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  std::span<const uint8_t> take(size_t count) {
    check(count <= rest_.size(), "truncated GIF");
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  uint8_t byte() { return take(1)[0]; }

  /// A sequence of blocks, each with its length in front, up to one of length 0; joined.
  std::vector<uint8_t> blocks() {
    std::vector<uint8_t> joined;
    while (const uint8_t length = byte()) append(take(length), joined);
    return joined;
  }
  /// The same, up to the end of the file at the latest: once the pixels are complete, nobody misses
  /// what should follow.
  std::vector<uint8_t> blocks_that_may_end_early() {
    std::vector<uint8_t> joined;
    while (!rest_.empty()) {
      const size_t length = byte();
      if (length == 0) break;
      append(take(std::min(length, rest_.size())), joined);
    }
    return joined;
  }

 private:
  static void append(std::span<const uint8_t> block, std::vector<uint8_t>& joined) {
    joined.insert(joined.end(), block.begin(), block.end());
  }
  std::span<const uint8_t> rest_;
};

struct Palette {
  std::array<uint8_t, 256 * 3> rgb{};  // beyond its last entry: black
  void read(Reader& reader, size_t colours) {
    std::ranges::copy(reader.take(3 * colours), rgb.begin());
  }
};

/// Fills `pixels` with the indices that `data` unpacks to. A code stands for a string of indices:
/// codes below `clear` for one index, later ones for an earlier string and one index more.
void decode_lzw(std::span<const uint8_t> data, int root_bits, std::span<uint8_t> pixels) {
  constexpr int max_bits = 12;
  constexpr uint32_t max_codes = 1u << max_bits;
  struct Entry {
    uint16_t prefix;
    uint16_t length;
    uint8_t first, last;
  };
  std::array<Entry, max_codes> table;
  const uint32_t clear = 1u << root_bits, end = clear + 1;
  for (uint32_t i = 0; i < clear; ++i) {
    table[i] = {0, 1, static_cast<uint8_t>(i), static_cast<uint8_t>(i)};
  }

  constexpr uint32_t none = max_codes;
  uint32_t next = end + 1;  // the code that the next new string gets
  uint32_t earlier = none;  // the code before this one
  int code_bits = root_bits + 1;
  uint64_t bits = 0;
  int available = 0;
  size_t at = 0, done = 0;
  while (done < pixels.size()) {
    while (available < code_bits) {
      check(at < data.size(), "truncated GIF");
      bits |= uint64_t{data[at++]} << available;
      available += 8;
    }
    const uint32_t code = static_cast<uint32_t>(bits) & ((1u << code_bits) - 1);
    bits >>= code_bits;
    available -= code_bits;
    if (code == clear) {
      next = end + 1;
      code_bits = root_bits + 1;
      earlier = none;
      continue;
    }
    check(code != end, "truncated GIF");  // the end mark, with pixels missing
    // A code may name the string that it completes itself.
    check(code < next || (code == next && earlier != none && next < max_codes), "broken GIF (code ",
          code, " of ", next, ")");
    if (earlier != none && next < max_codes) {
      const Entry& before = table[earlier];
      table[next] = {static_cast<uint16_t>(earlier), static_cast<uint16_t>(before.length + 1),
                     before.first, code == next ? before.first : table[code].first};
      ++next;
      if (next == 1u << code_bits && code_bits < max_bits) ++code_bits;
    }
    earlier = code;
    // A string is written from its last index to its first; what has no place is dropped.
    const size_t length = table[code].length;
    uint32_t part = code;
    for (size_t i = length; i-- > 0; part = table[part].prefix) {
      if (done + i < pixels.size()) pixels[done + i] = table[part].last;
    }
    done += length;
  }
}

}  // namespace

Image decode_gif(std::span<const uint8_t> file) {
  Reader reader(file);
  const auto screen = reader.take(13);
  Palette palette;
  for (size_t i = 0; i < palette.rgb.size(); ++i)  // with no palette at all: grey
    palette.rgb[i] = static_cast<uint8_t>(i / 3);
  const auto read_palette = [&](uint8_t flags) {
    if (!(flags & 0x80)) return;
    palette = {};
    palette.read(reader, size_t{2} << (flags & 7));
  };
  read_palette(screen[10]);

  uint8_t transparent = 0;
  uint8_t kind;
  while ((kind = reader.byte()) != ',') {
    check(kind != ';', "GIF without a picture");
    check(kind == '!', "broken GIF (a block of kind ", int{kind}, ")");
    const uint8_t extension = reader.byte();
    const std::vector<uint8_t> block = reader.blocks();
    constexpr uint8_t graphic_control = 0xf9;
    if (extension == graphic_control && block.size() >= 4) {
      transparent = block[0] & 1 ? block[3] : uint8_t{0};
    }
  }

  const auto place = reader.take(9);
  const auto left = size_t{little_endian(&place[0], 2)}, top = size_t{little_endian(&place[2], 2)};
  const auto width = size_t{little_endian(&place[4], 2)};
  const auto height = size_t{little_endian(&place[6], 2)};
  read_palette(place[8]);
  check(width > 0 && height > 0, "a GIF frame of ", width, " x ", height, " pixels");
  const size_t whole_width = std::max<size_t>(little_endian(&screen[6], 2), left + width);
  const size_t whole_height = std::max<size_t>(little_endian(&screen[8], 2), top + height);
  check_picture_size(static_cast<int64_t>(whole_width), static_cast<int64_t>(whole_height));

  const int root_bits = reader.byte();
  check(root_bits >= 1 && root_bits <= 8, "broken GIF (indices of ", root_bits, " bits)");
  const std::vector<uint8_t> data = reader.blocks_that_may_end_early();
  // A code of two bits or more stands for 4,095 indices at most.
  check(width * height / 4096 <= data.size() * 4, "truncated GIF");
  std::vector<uint8_t> indices(width * height);
  decode_lzw(data, root_bits, indices);

  Image image{static_cast<int64_t>(whole_height), static_cast<int64_t>(whole_width),
              std::vector<uint8_t>(whole_height * whole_width * 3)};
  const auto colour = [&](size_t index) { return palette.rgb.data() + 3 * index; };
  for (size_t i = 0; i < image.rgb.size(); i += 3)  // around a smaller frame
    std::copy_n(colour(transparent), 3, image.rgb.data() + i);
  // Interlaced rows come in four passes: every eighth, those between, and so on.
  constexpr std::array<size_t, 4> first_rows{0, 4, 2, 1}, steps{8, 8, 4, 2};
  constexpr std::array<size_t, 1> all_rows{0}, one{1};
  const bool interlaced = place[8] & 0x40;
  const std::span<const size_t> firsts =
      interlaced ? std::span<const size_t>(first_rows) : all_rows;
  const std::span<const size_t> step = interlaced ? std::span<const size_t>(steps) : one;
  const uint8_t* index = indices.data();
  for (size_t pass = 0; pass < firsts.size(); ++pass) {
    for (size_t y = firsts[pass]; y < height; y += step[pass]) {
      uint8_t* rgb = image.rgb.data() + ((top + y) * whole_width + left) * 3;
      for (size_t x = 0; x < width; ++x) std::copy_n(colour(*index++), 3, rgb + 3 * x);
    }
  }
  return image;
}

}  // namespace tl
