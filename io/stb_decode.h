// stb_image, which unpacks PNG, BMP and GIF.
//
// It trusts files: it passes over checksums and missing bytes, reads palette entries that it never
// wrote, and takes memory as a stream goes on. So no file reaches it as it came. png.cpp, bmp.cpp
// and gif.cpp take a file apart, check what it states, and write a plain one for stb_image from the
// parts that make the picture: a header, a whole palette, the pixels.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tl {

/// `plain`: such a file, of a picture of this size -> its pixels, `channels` (3: RGB, 4: RGBA)
/// bytes each, rows from the top. `format` begins the errors: "truncated PNG", "broken PNG (...)"
/// with stb_image's reason. No single block that it takes is larger than twice the picture or file.
std::vector<uint8_t> decode_by_stb(std::span<const uint8_t> plain, std::string_view format,
                                   int64_t width, int64_t height, int channels);

}  // namespace tl
