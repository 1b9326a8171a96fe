// PNG by stb_image: the one place that compiles it.
//
// stb_image grows the buffer of unpacked pixels for as long as the compressed stream goes on, so a
// small file could claim all memory. Its allocator is therefore ours, with a limit that decode_png
// derives from the header: no honest block is larger than the picture at 16-bit RGBA or the file.
#include <algorithm>
#include <cstdlib>
#include <cstring>
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

int64_t big_endian_32(const uint8_t* bytes) {
  return (int64_t{bytes[0]} << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
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
  constexpr size_t header_bytes = 8 + 8 + 13;  // signature, length and name of IHDR, IHDR
  check(file.size() >= header_bytes, "truncated PNG");
  check(std::memcmp(file.data() + 12, "IHDR", 4) == 0, "broken PNG (no header chunk at the front)");
  const int64_t width = big_endian_32(file.data() + 16);
  const int64_t height = big_endian_32(file.data() + 20);
  check_picture_size(width, height);

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
