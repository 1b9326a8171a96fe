// Files of every format that is read, for the tests: PNG, BMP, GIF and WebP packed here, JPEG in
// pictures.h, and blocks of EXIF.
#pragma once

#include <webp/encode.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/io/pictures.h"

namespace tl::test {

inline void append(Bytes& bytes, const Bytes& more) {
  for (const uint8_t byte : more) bytes.push_back(byte);
}
inline void append_text(Bytes& bytes, std::string_view text) {
  for (const char c : text) bytes.push_back(static_cast<uint8_t>(c));
}

/// `count` bytes, the most or the least significant one first.
inline Bytes big(uint32_t value, int count = 4) {
  Bytes bytes(static_cast<size_t>(count));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(value >> (8 * --count));
  return bytes;
}
inline Bytes little(uint32_t value, int count = 4) {
  Bytes bytes = big(value, count);
  std::ranges::reverse(bytes);
  return bytes;
}

inline Bytes part_of(const Bytes& bytes, size_t from, size_t to) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
          bytes.begin() + static_cast<std::ptrdiff_t>(to)};
}

inline std::string refusal(const Bytes& file) {
  return error_of([&] { decode_image(file); });
}

// ---- PNG

inline void append_chunk(Bytes& png, std::string_view name, const Bytes& data) {
  append(png, big(static_cast<uint32_t>(data.size())));
  Bytes body(name.begin(), name.end());
  append(body, data);
  uint32_t crc = 0xffffffffu;
  for (const uint8_t byte : body) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  append(png, body);
  append(png, big(~crc));
}

inline uint32_t adler32(const Bytes& raw) {
  uint32_t a = 1, b = 0;
  for (const uint8_t byte : raw) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return (b << 16) | a;
}

/// zlib's container with stored blocks only.
inline Bytes stored_zlib(const Bytes& raw) {
  Bytes out{0x78, 0x01};
  for (size_t at = 0; at < raw.size() || at == 0; at += 65535) {
    const size_t n = std::min<size_t>(65535, raw.size() - at);
    out.push_back(at + n == raw.size());
    append(out, little(static_cast<uint32_t>(n), 2));
    append(out, little(~static_cast<uint32_t>(n), 2));
    append(out, part_of(raw, at, at + n));
  }
  append(out, big(adler32(raw)));
  return out;
}

struct Png {
  uint32_t height, width;
  uint8_t depth, colour;  // colour: 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGBA
  Bytes palette = {}, transparency = {};
  bool interlaced = false;
  Bytes exif = {};
};

/// `stream`: the whole of the pixels, compressed.
inline Bytes png_with_stream(const Png& png, const Bytes& stream) {
  Bytes file{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  Bytes header = big(png.width);
  append(header, big(png.height));
  append(header, {png.depth, png.colour, 0, 0, png.interlaced});
  append_chunk(file, "IHDR", header);
  if (!png.exif.empty()) append_chunk(file, "eXIf", png.exif);
  if (!png.palette.empty()) append_chunk(file, "PLTE", png.palette);
  if (!png.transparency.empty()) append_chunk(file, "tRNS", png.transparency);
  append_chunk(file, "IDAT", stream);
  append_chunk(file, "IEND", {});
  return file;
}

/// `rows`: the samples of all rows as PNG packs them, to be stored with no filter.
inline Bytes png_of(const Png& png, const Bytes& rows) {
  Bytes raw;
  const size_t stride = rows.size() / png.height;
  for (size_t y = 0; y < png.height; ++y) {
    raw.push_back(0);
    append(raw, part_of(rows, y * stride, (y + 1) * stride));
  }
  return png_with_stream(png, stored_zlib(raw));
}

// ---- BMP

struct Bmp {
  int32_t width, height;  // a negative height: from above
  uint16_t bits;
  uint32_t compression = 0;
  Bytes palette = {};  // blue, green, red, 0
  Bytes masks = {};
};

inline Bytes bmp_of(const Bmp& bmp, const Bytes& stored) {
  Bytes header = little(40);
  append(header, little(static_cast<uint32_t>(bmp.width)));
  append(header, little(static_cast<uint32_t>(bmp.height)));
  append(header, little(1, 2));
  append(header, little(bmp.bits, 2));
  append(header, little(bmp.compression));
  append(header, Bytes(12));
  append(header, little(static_cast<uint32_t>(bmp.palette.size() / 4)));
  append(header, Bytes(4));
  append(header, bmp.masks);
  append(header, bmp.palette);
  const auto start = static_cast<uint32_t>(14 + header.size());
  Bytes file{'B', 'M'};
  append(file, little(start + static_cast<uint32_t>(stored.size())));
  append(file, Bytes(4));
  append(file, little(start));
  append(file, header);
  append(file, stored);
  return file;
}

inline Bytes bmp_of(const Image& image) {
  Bytes stored;
  for (int64_t y = image.height; y-- > 0;) {
    for (int64_t x = 0; x < image.width; ++x) {
      const uint8_t* rgb = image.rgb.data() + (y * image.width + x) * 3;
      append(stored, {rgb[2], rgb[1], rgb[0]});
    }
    stored.resize((stored.size() + 3) / 4 * 4);  // the header's 54 bytes are not in it
  }
  return bmp_of({static_cast<int32_t>(image.width), static_cast<int32_t>(image.height), 24},
                stored);
}

// ---- GIF

/// LZW codes of GIF for `indices`, each below 2^root_bits.
inline Bytes lzw_of(const Bytes& indices, int root_bits) {
  const uint32_t clear = 1u << root_bits;
  Bytes out;
  uint64_t bits = 0;
  int used = 0, code_bits = root_bits + 1;
  const auto put = [&](uint32_t code) {
    bits |= uint64_t{code} << used;
    for (used += code_bits; used >= 8; used -= 8, bits >>= 8)
      out.push_back(static_cast<uint8_t>(bits));
  };
  std::map<std::pair<uint32_t, uint8_t>, uint32_t> table;  // (code of a string, one more index)
  put(clear);
  uint32_t code = indices[0], next = clear + 2;
  for (size_t i = 1; i < indices.size(); ++i) {
    if (const auto longer = table.find({code, indices[i]}); longer != table.end()) {
      code = longer->second;
      continue;
    }
    put(code);
    if (next < 4096) {
      table[{code, indices[i]}] = next;
      if (next == 1u << code_bits) ++code_bits;
      ++next;
    } else {
      put(clear);
      table.clear();
      next = clear + 2;
      code_bits = root_bits + 1;
    }
    code = indices[i];
  }
  put(code);
  if (next == 1u << code_bits && code_bits < 12) ++code_bits;
  put(clear + 1);
  if (used > 0) out.push_back(static_cast<uint8_t>(bits));
  return out;
}

struct Gif {
  uint32_t width, height;
  Bytes palette;                                                    // 2, 4, ... 256 colours
  uint32_t left = 0, top = 0, screen_width = 0, screen_height = 0;  // 0: that of the frame
  bool interlaced = false, local_palette = false;
  int transparent = -1;
};

/// `indices`: of all rows in the order in which they are stored.
inline Bytes gif_of(const Gif& gif, const Bytes& indices) {
  int palette_bits = 1;
  while ((6u << (palette_bits - 1)) < gif.palette.size()) ++palette_bits;
  const auto palette_flags = static_cast<uint8_t>(0x80 | (palette_bits - 1));
  Bytes file;
  append_text(file, "GIF89a");
  append(file, little(gif.screen_width ? gif.screen_width : gif.width, 2));
  append(file, little(gif.screen_height ? gif.screen_height : gif.height, 2));
  append(file, {gif.local_palette ? uint8_t{0} : palette_flags, 0, 0});
  if (!gif.local_palette) append(file, gif.palette);
  append(file, {'!', 0xfe, 2, 'h', 'i', 0});  // a comment
  if (gif.transparent >= 0) {
    append(file, {'!', 0xf9, 4, 1, 0, 0, static_cast<uint8_t>(gif.transparent), 0});
  }
  file.push_back(',');
  for (const uint32_t number : {gif.left, gif.top, gif.width, gif.height})
    append(file, little(number, 2));
  const uint8_t local = gif.local_palette ? palette_flags : uint8_t{0};
  file.push_back(static_cast<uint8_t>(local | (gif.interlaced ? 0x40 : 0)));
  if (gif.local_palette) append(file, gif.palette);
  const int root_bits = std::max(palette_bits, 2);
  file.push_back(static_cast<uint8_t>(root_bits));
  const Bytes codes = lzw_of(indices, root_bits);
  for (size_t at = 0; at < codes.size(); at += 255) {
    const size_t n = std::min<size_t>(255, codes.size() - at);
    file.push_back(static_cast<uint8_t>(n));
    append(file, part_of(codes, at, at + n));
  }
  append(file, {0, ';'});
  return file;
}

// ---- WebP

inline void append_riff(Bytes& file, std::string_view name, const Bytes& data) {
  append_text(file, name);
  append(file, little(static_cast<uint32_t>(data.size())));
  append(file, data);
  if (data.size() % 2) file.push_back(0);
}

/// chunks -> a file of them.
inline Bytes riff_of(const Bytes& chunks) {
  Bytes file;
  append_text(file, "RIFF");
  append(file, little(static_cast<uint32_t>(chunks.size() + 4)));
  append_text(file, "WEBP");
  append(file, chunks);
  return file;
}

inline Bytes webp_of(const Image& image, bool lossless) {
  uint8_t* bytes = nullptr;
  const auto width = static_cast<int>(image.width), height = static_cast<int>(image.height);
  const size_t size =
      lossless ? WebPEncodeLosslessRGB(image.rgb.data(), width, height, 3 * width, &bytes)
               : WebPEncodeRGB(image.rgb.data(), width, height, 3 * width, 90, &bytes);
  const Bytes file(bytes, bytes + size);
  WebPFree(bytes);
  return file;
}

/// VP8X: an extended file's flags and size.
inline Bytes webp_canvas(uint8_t flags, int64_t width, int64_t height) {
  Bytes canvas{flags, 0, 0, 0};
  append(canvas, little(static_cast<uint32_t>(width - 1), 3));
  append(canvas, little(static_cast<uint32_t>(height - 1), 3));
  return canvas;
}

inline Bytes webp_with_exif(const Image& image, const Bytes& exif) {
  const Bytes plain = webp_of(image, true);
  Bytes chunks;
  append_riff(chunks, "VP8X", webp_canvas(0x08, image.width, image.height));
  append(chunks, part_of(plain, 12, plain.size()));
  append_riff(chunks, "EXIF", exif);
  return riff_of(chunks);
}

/// An animation whose first frame, of this picture, lies at (left, top), both even.
inline Bytes webp_animation(const Image& image, int64_t left, int64_t top, int64_t width,
                            int64_t height) {
  const Bytes plain = webp_of(image, true);
  Bytes chunks, frame;
  append_riff(chunks, "VP8X", webp_canvas(0x02, width, height));
  append_riff(chunks, "ANIM", Bytes(6));
  for (const int64_t number : {left / 2, top / 2, image.width - 1, image.height - 1, int64_t{100}})
    append(frame, little(static_cast<uint32_t>(number), 3));
  frame.push_back(0);
  append(frame, part_of(plain, 12, plain.size()));
  append_riff(chunks, "ANMF", frame);
  append_riff(chunks, "ANMF", frame);
  return riff_of(chunks);
}

// ---- EXIF

/// A TIFF block with two entries, the second of them the orientation.
inline Bytes exif_of(int orientation, bool little_first = true) {
  const auto number = [&](uint32_t value, int count) {
    return little_first ? little(value, count) : big(value, count);
  };
  Bytes exif;
  append_text(exif, little_first ? "II" : "MM");
  append(exif, number(42, 2));
  append(exif, number(8, 4));
  append(exif, number(2, 2));
  for (const uint32_t tag : {0x0100u, 0x0112u}) {  // the width, the orientation
    append(exif, number(tag, 2));
    append(exif, number(3, 2));
    append(exif, number(1, 4));
    append(exif, number(tag == 0x0112 ? static_cast<uint32_t>(orientation) : 7, 2));
    append(exif, number(0, 2));
  }
  append(exif, number(0, 4));
  return exif;
}

/// The same as the marker of a JPEG file holds it.
inline Bytes exif_marker(int orientation) {
  Bytes marker;
  append_text(marker, {"Exif\0\0", 6});
  append(marker, exif_of(orientation, false));
  return marker;
}

}  // namespace tl::test
