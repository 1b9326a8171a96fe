// PNG by stb_image, which knows its filters and passes. Source: PNG Specification, third edition.
//
// Reading order: PngHeader; read_chunks walks the file and checks every CRC; check_stream has zlib
// check the Adler-32 of the pixels; plain_file leaves out what is none of the picture, colours that
// count as transparent among it; decode_png.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <utility>

#include "io/byte_order.h"
#include "io/exif.h"
#include "io/picture_format.h"
#include "io/stb_decode.h"
#include "kernels/error.h"

namespace tl {
namespace {

using Bytes = std::span<const uint8_t>;

enum Colour : uint8_t { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgb_alpha = 6 };

struct PngHeader {
  int64_t width = 0, height = 0;
  int depth = 0;  // bits per sample
  uint8_t colour = grey;
  Bytes stored;

  /// Of all rows before compression, a filter in front of each; interlaced ones are some bytes
  /// more.
  size_t row_bytes() const {
    const int samples = colour == rgb ? 3 : colour == grey_alpha ? 2 : colour == rgb_alpha ? 4 : 1;
    return static_cast<size_t>(height * (1 + (width * samples * depth + 7) / 8));
  }
};

struct Chunks {
  PngHeader header;
  std::array<uint8_t, 256 * 3> palette{};  // beyond its last entry: black
  bool has_palette = false;
  std::vector<Bytes> data;
  int orientation = 1;
};

/// stb_image takes some of these combinations that PNG does not have.
PngHeader read_png_header(Bytes data) {
  check(data.size() == 13, "broken PNG (a header of ", data.size(), " bytes)");
  const PngHeader header{big_endian(&data[0], 4), big_endian(&data[4], 4), data[8], data[9], data};
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
      chunks.header = read_png_header(data);
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

struct Inflate {
  Inflate() {
    if (::inflateInit(&zlib) != Z_OK) throw std::bad_alloc();
  }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() { ::inflateEnd(&zlib); }
  z_stream zlib{};
};

/// Unpacks the whole stream to nowhere, for stb_image looks neither at its checksum nor for its
/// end. A few bytes that belong to no row are put up with, as other readers do.
void check_stream(const std::vector<Bytes>& data, size_t row_bytes) {
  Inflate stream;
  z_stream& zlib = stream.zlib;
  std::array<uint8_t, 32768> nowhere;
  size_t next = 0, bytes = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    while (zlib.avail_in == 0 && next < data.size()) {
      zlib.next_in = const_cast<uint8_t*>(data[next].data());
      zlib.avail_in = static_cast<uInt>(data[next++].size());  // decode_png has set the limit
    }
    zlib.next_out = nowhere.data();
    zlib.avail_out = nowhere.size();
    status = ::inflate(&zlib, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    check(status != Z_BUF_ERROR, "truncated PNG");  // it wants more than there is
    check(status == Z_OK || status == Z_STREAM_END, "broken PNG (",
          zlib.msg ? zlib.msg : "a damaged pixel stream", ")");
    bytes += nowhere.size() - zlib.avail_out;
    check(bytes <= row_bytes + 65536, "broken PNG (the pixel stream is longer than the picture)");
  }
}

std::vector<uint8_t> plain_file(const Chunks& chunks) {
  std::vector<uint8_t> plain{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  const auto append = [&](std::string_view name, Bytes data) {
    append_big_endian(plain, static_cast<uint32_t>(data.size()), 4);
    plain.insert(plain.end(), name.begin(), name.end());
    plain.insert(plain.end(), data.begin(), data.end());
    append_big_endian(plain, 0, 4);  // the checksum, which nobody looks at any more
  };
  append("IHDR", chunks.header.stored);
  if (chunks.header.colour == palette) append("PLTE", chunks.palette);
  for (const Bytes& data : chunks.data) append("IDAT", data);
  append("IEND", {});
  return plain;
}

}  // namespace

Image decode_png(Bytes file) {
  constexpr size_t signature_bytes = 8;
  constexpr size_t max_bytes = (size_t{1} << 31) - 1;
  check(file.size() <= max_bytes, "PNG of ", file.size(), " bytes, over the limit of ", max_bytes);
  const Chunks chunks = read_chunks(file.subspan(signature_bytes));
  const PngHeader& header = chunks.header;
  check(header.colour != palette || chunks.has_palette, "broken PNG (no palette)");

  // Deflate makes at most 1,032 bytes of one, so that much must be there before memory is taken.
  size_t packed = 0;
  for (const Bytes& data : chunks.data) packed += data.size();
  check(packed >= header.row_bytes() / 1032, "truncated PNG");

  // Adam7's passes cut a row into four at most, each with a filter and a part of a byte.
  check_stream(chunks.data, header.row_bytes() + 8 * static_cast<size_t>(header.height));
  Image image{header.height, header.width,
              decode_by_stb(plain_file(chunks), "PNG", header.width, header.height, 3)};
  return upright(std::move(image), chunks.orientation);
}

}  // namespace tl
