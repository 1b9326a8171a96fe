// WebP by libwebp. A file is a RIFF container of chunks: a frame ("VP8 " lossy, "VP8L" lossless),
// or an animation whose frames ("ANMF") hold one each, and EXIF. The chunks are walked here, for
// the orientation and the first frame of an animation; libwebp decodes one frame. Source: RFC 9649.
//
// Reading order: Chunks, Parts and find_parts, decode_frame, decode_webp.
#include <webp/decode.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "io/byte_order.h"
#include "io/exif.h"
#include "io/picture_format.h"
#include "kernels/error.h"

namespace tl {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t riff_bytes = 12;  // "RIFF", size, "WEBP"

struct Parts {
  std::optional<Bytes> canvas;       // VP8X: flags, width and height of an extended file
  std::optional<Bytes> first_frame;  // ANMF: place, size, duration, flags, then the frame's chunks
  std::optional<Bytes> exif;
};

/// The first chunk of each kind.
Parts find_parts(Bytes chunks) {
  Parts parts;
  while (chunks.size() >= 8) {
    const size_t size = little_endian(chunks.data() + 4, 4);
    check(size <= chunks.size() - 8, "truncated WebP");
    const Bytes data = chunks.subspan(8, size);
    const auto keep = [&](const char* name, std::optional<Bytes>& part) {
      if (!part && std::memcmp(chunks.data(), name, 4) == 0) part = data;
    };
    keep("VP8X", parts.canvas);
    keep("ANMF", parts.first_frame);
    keep("EXIF", parts.exif);
    chunks = chunks.subspan(std::min(8 + size + size % 2, chunks.size()));
  }
  return parts;
}

void check_status(VP8StatusCode status) {
  if (status == VP8_STATUS_OK) return;
  if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED)
    throw Error("truncated WebP");
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  throw Error("broken WebP");
}

struct Size {
  int64_t width = 0, height = 0;
};

Size frame_size(Bytes frame) {
  WebPBitstreamFeatures features;
  check_status(WebPGetFeatures(frame.data(), frame.size(), &features));
  return {features.width, features.height};
}

/// A frame of that size to `rgb`, whose rows are `stride` bytes apart.
void decode_frame(Bytes frame, Size size, uint8_t* rgb, int64_t stride) {
  WebPDecoderConfig config;
  check(WebPInitDecoderConfig(&config) != 0, "libwebp is of another version than its header");
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = rgb;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = static_cast<size_t>((size.height - 1) * stride + size.width * 3);
  check_status(WebPDecode(frame.data(), frame.size(), &config));
}

Image blank(Size size) {
  check_picture_size(size.width, size.height);
  return {size.height, size.width,
          std::vector<uint8_t>(static_cast<size_t>(size.height * size.width * 3))};
}

/// What an animation shows first: its first frame on a canvas that is transparent, so black here.
Image decode_first_frame(Bytes canvas, Bytes frame) {
  constexpr size_t frame_header_bytes = 16;
  check(canvas.size() >= 10 && frame.size() >= frame_header_bytes, "truncated WebP");
  const auto number = [](Bytes bytes, size_t at) {
    return int64_t{little_endian(bytes.data() + at, 3)};
  };
  Image image = blank({number(canvas, 4) + 1, number(canvas, 7) + 1});
  const int64_t left = 2 * number(frame, 0), top = 2 * number(frame, 3);
  const Size stated{number(frame, 6) + 1, number(frame, 9) + 1};
  check(left + stated.width <= image.width && top + stated.height <= image.height,
        "broken WebP (a frame outside the picture)");
  const Bytes chunks = frame.subspan(frame_header_bytes);
  const Size size = frame_size(chunks);
  check(size.width == stated.width && size.height == stated.height,
        "broken WebP (a frame of two sizes)");
  decode_frame(chunks, size, image.rgb.data() + (top * image.width + left) * 3, image.width * 3);
  return image;
}

}  // namespace

Image decode_webp(std::span<const uint8_t> file) {
  const size_t size = little_endian(file.data() + 4, 4);
  check(file.size() >= riff_bytes + 8 && size <= file.size() - 8, "truncated WebP");
  check(size >= riff_bytes - 8, "broken WebP");
  const Bytes riff = file.first(8 + size);
  const Parts parts = find_parts(riff.subspan(riff_bytes));
  Image image;
  if (parts.first_frame) {
    check(parts.canvas.has_value(), "broken WebP (an animation without a size)");
    image = decode_first_frame(*parts.canvas, *parts.first_frame);
  } else {
    const Size stated = frame_size(riff);
    image = blank(stated);
    decode_frame(riff, stated, image.rgb.data(), image.width * 3);
  }
  return upright(std::move(image), parts.exif ? exif_orientation(*parts.exif) : 1);
}

}  // namespace tl
