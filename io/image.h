// Image: a decoded picture, and read_image, which finds the format and decodes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace tl {

/// 8-bit RGB, rows from the top, `rgb[(y * width + x) * 3 + channel]`.
struct Image {
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> rgb;
};

/// The largest picture that is read, in pixels (Pillow draws the line at the same place).
inline constexpr int64_t max_picture_pixels = 178'956'970;

/// Reads a JPEG or PNG file, told apart by content. The pixels are those of Pillow's
/// `Image.open(path).convert("RGB")`: JPEG by libjpeg's accurate integer transform and smooth
/// chroma upsampling, CMYK by Adobe's inverted convention, alpha dropped. 16-bit PNG keeps the high
/// byte. As in Pillow, data that libjpeg only warns about is accepted and a picture that stops
/// early is not. EXIF orientation is not applied. Throws Error("path: cause"), e.g.
/// "imgs/cats/7.jpg: truncated JPEG".
Image read_image(const std::filesystem::path& path);

/// The same from memory; throws Error with the cause alone.
Image decode_image(std::span<const uint8_t> file);

}  // namespace tl
