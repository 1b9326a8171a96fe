// PNG: our reader on top of zlib. Source: PNG Specification, third edition.
//
// Reading order: Header; read_chunks walks the file and checks every CRC; PixelStream unpacks what
// the IDAT chunks hold and has zlib check its Adler-32; unfilter undoes a row's filter; put_row
// makes RGB of it; decode_png goes through the rows, of one pass or of Adam7's seven.
//
// Beyond the picture no memory is taken but for two rows, so a small file cannot claim much.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "io/byte_order.h"
#include "io/exif.h"
#include "io/picture_format.h"
#include "kernels/error.h"

namespace tl {
namespace {

using Bytes = std::span<const uint8_t>;

enum Colour : uint8_t { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgb_alpha = 6 };

struct Header {
  int64_t width = 0, height = 0;
  int depth = 0;  // bits per sample
  uint8_t colour = grey;
  bool interlaced = false;

  int samples() const {  // per pixel
    return colour == rgb ? 3 : colour == grey_alpha ? 2 : colour == rgb_alpha ? 4 : 1;
  }
  size_t row_bytes(int64_t pixels) const {
    return static_cast<size_t>((pixels * samples() * depth + 7) / 8);
  }
};

struct Chunks {
  Header header;
  std::array<uint8_t, 256 * 3> palette{};  // beyond its last entry: black
  bool has_palette = false;
  std::vector<Bytes> data;
  int orientation = 1;
};

Header read_header(Bytes data) {
  check(data.size() == 13, "broken PNG (a header of ", data.size(), " bytes)");
  const Header header{big_endian(&data[0], 4), big_endian(&data[4], 4), data[8], data[9],
                      data[12] == 1};
  check_picture_size(header.width, header.height);
  const int depth = header.depth;
  const bool power_of_two = depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
  const bool known =
      header.colour == grey      ? power_of_two
      : header.colour == palette ? power_of_two && depth <= 8
      : header.colour == rgb || header.colour == grey_alpha || header.colour == rgb_alpha
          ? depth == 8 || depth == 16
          : false;
  check(known, "broken PNG (colour type ", int{header.colour}, " with ", depth, " bits)");
  check(data[10] == 0 && data[11] == 0 && data[12] <= 1, "broken PNG (an unknown method)");
  return header;
}

/// Every chunk up to IEND: length, name of four letters, data, CRC-32 of name and data.
Chunks read_chunks(Bytes rest) {
  constexpr size_t frame_bytes = 12;
  Chunks chunks;
  bool first = true;
  for (std::string_view name, earlier; name != "IEND"; first = false, earlier = name) {
    check(rest.size() >= frame_bytes, "truncated PNG");
    const size_t length = big_endian(rest.data(), 4);
    name = {reinterpret_cast<const char*>(rest.data() + 4), 4};
    check(!first || name == "IHDR", "broken PNG (no header chunk at the front)");
    check(length <= rest.size() - frame_bytes, "truncated PNG");
    const auto crc = ::crc32_z(0, rest.data() + 4, 4 + length);
    check(crc == big_endian(rest.data() + 8 + length, 4), "broken PNG (a checksum is wrong)");
    const Bytes data = rest.subspan(8, length);
    rest = rest.subspan(frame_bytes + length);

    if (name == "IHDR") {
      check(first, "broken PNG (two headers)");
      chunks.header = read_header(data);
    } else if (name == "PLTE") {
      check(length % 3 == 0 && length <= chunks.palette.size(), "broken PNG (a palette of ", length,
            " bytes)");
      std::ranges::copy(data, chunks.palette.begin());
      chunks.has_palette = true;
    } else if (name == "IDAT") {
      check(chunks.data.empty() || earlier == "IDAT", "broken PNG (pixels in two places)");
      chunks.data.push_back(data);
    } else if (name == "eXIf") {
      chunks.orientation = exif_orientation(data);
    } else {
      constexpr uint8_t lower_case = 0x20;  // a name that begins with it may be ignored
      check(name == "IEND" || (name[0] & lower_case), "broken PNG (an unknown kind of chunk)");
    }
  }
  return chunks;
}

class PixelStream {
 public:
  explicit PixelStream(const std::vector<Bytes>& data) : data_(data) {
    if (::inflateInit(&zlib_) != Z_OK) throw std::bad_alloc();
  }
  PixelStream(const PixelStream&) = delete;
  PixelStream& operator=(const PixelStream&) = delete;
  ~PixelStream() { ::inflateEnd(&zlib_); }

  void read(std::span<uint8_t> to) {
    zlib_.next_out = to.data();
    for (size_t left = to.size(); left > 0;) {
      check(!ended_, "truncated PNG");
      const auto step = static_cast<uInt>(std::min<size_t>(left, 1u << 30));
      zlib_.avail_out = step;
      inflate();
      left -= step - zlib_.avail_out;
    }
  }

  /// After the last row: on to the checksum at the end of the stream. A few bytes that belong to no
  /// row are put up with, as other readers do.
  void finish() {
    std::array<uint8_t, 4096> surplus;
    for (size_t bytes = 0; !ended_;) {
      zlib_.next_out = surplus.data();
      zlib_.avail_out = surplus.size();
      inflate();
      bytes += surplus.size() - zlib_.avail_out;
      check(bytes < 65536, "broken PNG (the pixel stream is longer than the picture)");
    }
  }

 private:
  void inflate() {
    while (zlib_.avail_in == 0 && next_ < data_.size()) {
      // A file has at most max_file_bytes, which uInt holds; a longer span is refused at the top.
      zlib_.next_in = const_cast<uint8_t*>(data_[next_].data());
      zlib_.avail_in = static_cast<uInt>(data_[next_++].size());
    }
    const int status = ::inflate(&zlib_, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    check(status != Z_BUF_ERROR, "truncated PNG");  // it wants more than there is
    check(status == Z_OK || status == Z_STREAM_END, "broken PNG (",
          zlib_.msg ? zlib_.msg : "a damaged pixel stream", ")");
    ended_ = status == Z_STREAM_END;
  }

  z_stream zlib_{};
  const std::vector<Bytes>& data_;
  size_t next_ = 0;
  bool ended_ = false;
};

/// The neighbour (left, above, above left) nearest to left + above - corner.
int paeth(int left, int above, int corner) {
  const int to_left = std::abs(above - corner), to_above = std::abs(left - corner);
  const int to_corner = std::abs(left + above - 2 * corner);
  return to_left <= to_above && to_left <= to_corner ? left
         : to_above <= to_corner                     ? above
                                                     : corner;
}

/// Adds to each byte what the filter foretold from the bytes one pixel before and one row above.
void unfilter(int filter, size_t pixel_bytes, Bytes above, std::span<uint8_t> row) {
  check(filter <= 4, "broken PNG (filter ", filter, ")");
  if (filter == 0) return;
  const size_t n = row.size();
  const auto add = [&](size_t i, int foretold) {
    row[i] = static_cast<uint8_t>(row[i] + foretold);
  };
  const size_t first = std::min(pixel_bytes, n);  // these have nothing to their left
  for (size_t i = 0; i < first; ++i) {
    add(i, filter == 2 || filter == 4 ? above[i] : filter == 3 ? above[i] / 2 : 0);
  }
  switch (filter) {
    case 1:
      for (size_t i = first; i < n; ++i) add(i, row[i - pixel_bytes]);
      break;
    case 2:
      for (size_t i = first; i < n; ++i) add(i, above[i]);
      break;
    case 3:
      for (size_t i = first; i < n; ++i) add(i, (row[i - pixel_bytes] + above[i]) / 2);
      break;
    default:
      for (size_t i = first; i < n; ++i)
        add(i, paeth(row[i - pixel_bytes], above[i], above[i - pixel_bytes]));
  }
}

/// The 8-bit value of sample i of a row: of 16 bits the high byte, fewer than 8 as they are.
uint8_t sample(const uint8_t* row, int depth, size_t i) {
  if (depth == 8) return row[i];
  if (depth == 16) return row[2 * i];
  const size_t bit = i * static_cast<size_t>(depth);
  return static_cast<uint8_t>(row[bit / 8] >> (8 - depth - static_cast<int>(bit % 8)) &
                              ((1 << depth) - 1));
}

/// Pixel x of the row goes to to[x * step].
void put_row(const Chunks& chunks, const uint8_t* row, size_t pixels, uint8_t* to, size_t step) {
  const Header& header = chunks.header;
  const int depth = header.depth;
  if (header.colour == rgb && depth == 8 &&
      step == 3) {  // the common case needs no look at samples
    std::copy_n(row, 3 * pixels, to);
    return;
  }
  if (header.colour == palette) {
    for (size_t x = 0; x < pixels; ++x) {
      std::copy_n(chunks.palette.data() + 3 * size_t{sample(row, depth, x)}, 3, to + x * step);
    }
    return;
  }
  const bool coloured = header.colour == rgb || header.colour == rgb_alpha;
  const int stretch = depth < 8 ? 255 / ((1 << depth) - 1) : 1;  // 1 -> 255, 2 bits: 1 -> 85
  const auto samples = static_cast<size_t>(header.samples());
  for (size_t x = 0; x < pixels; ++x) {
    for (size_t channel = 0; channel < 3; ++channel) {
      const size_t i = x * samples + (coloured ? channel : 0);
      to[x * step + channel] = static_cast<uint8_t>(sample(row, depth, i) * stretch);
    }
  }
}

/// The pixels (first_x + i step_x, first_y + j step_y).
struct Pass {
  int64_t first_x, first_y, step_x, step_y;
};
constexpr std::array<Pass, 1> all_at_once{{{0, 0, 1, 1}}};
constexpr std::array<Pass, 7> adam7{{{0, 0, 8, 8},
                                     {4, 0, 8, 8},
                                     {0, 4, 4, 8},
                                     {2, 0, 4, 4},
                                     {0, 2, 2, 4},
                                     {1, 0, 2, 2},
                                     {0, 1, 1, 2}}};

}  // namespace

Image decode_png(Bytes file) {
  constexpr size_t signature_bytes = 8;
  constexpr size_t max_bytes = (size_t{1} << 31) - 1;
  check(file.size() <= max_bytes, "PNG of ", file.size(), " bytes, over the limit of ", max_bytes);
  const Chunks chunks = read_chunks(file.subspan(signature_bytes));
  const Header& header = chunks.header;
  check(header.colour != palette || chunks.has_palette, "broken PNG (no palette)");

  // Deflate makes at most 1,032 bytes of one, so that much must be there before memory is taken.
  size_t packed = 0;
  for (const Bytes& data : chunks.data) packed += data.size();
  check(packed >= header.row_bytes(header.width * header.height) / 1032, "truncated PNG");

  Image image{header.height, header.width,
              std::vector<uint8_t>(static_cast<size_t>(header.height * header.width * 3))};
  PixelStream stream(chunks.data);
  const auto pixel_bytes = static_cast<size_t>(std::max(header.samples() * header.depth / 8, 1));
  // A row as stored, its filter in front, and the one above.
  std::vector<uint8_t> row(1 + header.row_bytes(header.width)), above(row.size());
  for (const Pass& pass : header.interlaced ? std::span<const Pass>(adam7) : all_at_once) {
    const int64_t pixels = (header.width - pass.first_x + pass.step_x - 1) / pass.step_x;
    if (pixels <= 0) continue;
    const size_t bytes = header.row_bytes(pixels);
    std::ranges::fill(above, uint8_t{0});
    for (int64_t y = pass.first_y; y < header.height; y += pass.step_y) {
      stream.read({row.data(), 1 + bytes});
      unfilter(row[0], pixel_bytes, {above.data() + 1, bytes}, {row.data() + 1, bytes});
      put_row(chunks, row.data() + 1, static_cast<size_t>(pixels),
              image.rgb.data() + (y * header.width + pass.first_x) * 3,
              static_cast<size_t>(3 * pass.step_x));
      std::swap(row, above);
    }
  }
  stream.finish();
  return upright(std::move(image), chunks.orientation);
}

}  // namespace tl
