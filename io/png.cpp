// PNG by stb_image: the one place that compiles it.
//
// stb_image passes over checksums, so those of the chunks are checked here first.
//
// stb_image grows the buffer of unpacked pixels for as long as the compressed stream goes on, so a
// small file could claim all memory. Its allocator is therefore ours, with a limit that decode_png
// derives from the header: no honest block is larger than the picture at 16-bit RGBA or the file.
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "io/picture_format.h"
#include "kernels/error.h"

namespace {

thread_local size_t allocation_limit = 0;

void* limited_malloc(size_t bytes) {
  return bytes > allocation_limit ? nullptr : std::malloc(bytes);
}
void* limited_realloc(void* block, size_t bytes) {
  return bytes > allocation_limit ? nullptr : std::realloc(block, bytes);
}

}  // namespace

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MALLOC(bytes) limited_malloc(bytes)
#define STBI_REALLOC(block, bytes) limited_realloc(block, bytes)
#define STBI_FREE(block) std::free(block)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wconversion"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace tl {
namespace {

constexpr size_t signature_bytes = 8;

int64_t big_endian_32(const uint8_t* bytes) {
  return (int64_t{bytes[0]} << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
}

/// Every chunk up to IEND: length, name of four letters, data, CRC-32 of name and data.
void check_chunks(std::span<const uint8_t> file) {
  constexpr size_t frame_bytes = 12;
  std::span<const uint8_t> rest = file.subspan(signature_bytes);
  while (true) {
    check(rest.size() >= frame_bytes, "truncated PNG");
    const auto length = static_cast<size_t>(big_endian_32(rest.data()));
    check(length <= rest.size() - frame_bytes, "truncated PNG");
    const uint8_t* name = rest.data() + 4;
    const auto crc = static_cast<int64_t>(::crc32(0, name, static_cast<uInt>(4 + length)));
    check(crc == big_endian_32(name + 4 + length), "broken PNG (a checksum is wrong)");
    if (std::memcmp(name, "IEND", 4) == 0) return;
    rest = rest.subspan(frame_bytes + length);
  }
}

/// stb_image's reason in words of ours.
std::string reason() {
  const std::string why = stbi_failure_reason() ? stbi_failure_reason() : "unknown";
  if (why == "outofdata" || why == "not enough pixels" || why == "bad header")
    return "truncated PNG";
  if (why == "outofmem") return "broken PNG (the pixel stream is longer than the picture)";
  return concat("broken PNG (", why, ")");
}

struct Free {
  void operator()(uint8_t* block) const { stbi_image_free(block); }
};

}  // namespace

Image decode_png(std::span<const uint8_t> file) {
  constexpr size_t header_bytes = signature_bytes + 8 + 13;  // length and name of IHDR, IHDR
  constexpr auto max_bytes = static_cast<size_t>(std::numeric_limits<int>::max());
  check(file.size() <= max_bytes, "PNG of ", file.size(), " bytes, over the limit of ", max_bytes);
  check(file.size() >= header_bytes, "truncated PNG");
  check(std::memcmp(file.data() + 12, "IHDR", 4) == 0, "broken PNG (no header chunk at the front)");
  const int64_t width = big_endian_32(file.data() + 16);
  const int64_t height = big_endian_32(file.data() + 20);
  check_picture_size(width, height);
  check_chunks(file);

  // Pixels: 8 bytes at most, one filter byte per row and Adam7 pass. Doubled, for stb_image grows
  // its buffers by doubling; the compressed data are gathered in one block as well.
  const auto pixels = static_cast<size_t>(width * height);
  const size_t filter_bytes = 8 * static_cast<size_t>(height);
  allocation_limit = 2 * std::max(pixels * 8 + filter_bytes, file.size()) + 65536;

  int found_width = 0, found_height = 0, channels = 0;
  const std::unique_ptr<uint8_t, Free> rgb(
      stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &found_width, &found_height,
                            &channels, STBI_rgb));
  check(rgb != nullptr, rgb ? "" : reason());
  check(found_width == width && found_height == height, "broken PNG (two headers)");
  return {height, width, {rgb.get(), rgb.get() + pixels * 3}};
}

}  // namespace tl
