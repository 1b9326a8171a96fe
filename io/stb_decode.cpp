// The one place that compiles stb_image.
#include "io/stb_decode.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>

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
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
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
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of streams, which are not used
#endif
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace tl {
namespace {

struct Free {
  void operator()(uint8_t* block) const { stbi_image_free(block); }
};

/// stb_image's reason in words of ours.
std::string reason(std::string_view format) {
  const char* stated = stbi_failure_reason();
  const std::string_view why = stated ? stated : "unknown";
  if (why == "not enough pixels" || why == "outofdata") return concat("truncated ", format);
  if (why == "outofmem") return concat("no memory to decode a ", format);
  return concat("broken ", format, " (", why, ")");
}

}  // namespace

std::vector<uint8_t> decode_by_stb(std::span<const uint8_t> plain, std::string_view format,
                                   int64_t width, int64_t height, int channels) {
  constexpr int64_t max_side = STBI_MAX_DIMENSIONS;  // beyond it, its integers overflow
  check(width <= max_side && height <= max_side, format, " of ", width, " x ", height,
        " pixels, over the limit of ", max_side, " on a side");
  constexpr auto max_bytes = static_cast<size_t>(std::numeric_limits<int>::max());
  check(plain.size() <= max_bytes, format, " of ", plain.size(), " bytes, over the limit of ",
        max_bytes);

  // 8 bytes a pixel (RGBA of 16 bits), and PNG's filters: a byte for each row of each pass. Twice
  // that, for buffers grow by doubling. The rest is for what
  // does not depend on the size, bytes after the last row among it.
  const auto pixels = static_cast<size_t>(width * height);
  allocation_limit =
      2 * std::max(pixels * 8 + 8 * static_cast<size_t>(height), plain.size()) + (1 << 18);

  int found_width = 0, found_height = 0, found_channels = 0;
  const std::unique_ptr<uint8_t, Free> block(
      stbi_load_from_memory(plain.data(), static_cast<int>(plain.size()), &found_width,
                            &found_height, &found_channels, channels));
  if (!block) throw Error(reason(format));
  check(found_width == width && found_height == height, "broken ", format, " (two sizes)");
  return {block.get(), block.get() + pixels * static_cast<size_t>(channels)};
}

}  // namespace tl
