// Picture formats: each turns the bytes of a file into an Image or throws Error with the cause
// alone; read_image puts the path in front. To add a format: a decoder file of its own, a line
// here, a line in image.cpp.
#pragma once

#include <cstdint>
#include <span>

#include "io/image.h"

namespace tl {

/// Width and height as a file's header states them -> throws unless a picture of that size is
/// accepted. Runs before any memory for pixels is taken.
void check_picture_size(int64_t width, int64_t height);

/// All take a file that begins with the format's signature.
Image decode_jpeg(std::span<const uint8_t> file);
Image decode_png(std::span<const uint8_t> file);
Image decode_bmp(std::span<const uint8_t> file);
Image decode_gif(std::span<const uint8_t> file);
Image decode_webp(std::span<const uint8_t> file);

}  // namespace tl
