// Image: a decoded picture, and read_image, which finds the format and decodes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
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

/// The formats that are read, as errors name them.
inline constexpr std::string_view picture_formats = "JPEG, PNG, BMP, GIF, WebP";

/// The endings of names that may be pictures: lower case, with the dot. What a file is, its content
/// decides.
std::span<const std::string_view> picture_endings();

/// Reads a JPEG, PNG, BMP, GIF (first frame) or WebP (first frame) file, told apart by content.
///
/// The pixels are those of Pillow's `ImageOps.exif_transpose(Image.open(path)).convert("RGB")`, to
/// the bit: JPEG by libjpeg's accurate integer transform and smooth chroma upsampling, CMYK by
/// Adobe's inverted convention, alpha dropped (not composed), palettes looked up. The differences:
/// 16-bit grey PNG keeps the high byte of each sample, as 16-bit colour does, where Pillow clips it
/// to white; BMP samples of fewer than 8 bits are stretched by repeating their bits, off by one at
/// times; and an orientation that only XMP states is ignored. Not read are BMP in run lengths or
/// with samples of more than 8 bits, and GIF that uses a full table of codes for long.
///
/// EXIF orientation (1 to 8; JPEG, PNG, WebP) is applied, so that a picture is what its owner sees.
/// torchvision's own loader for folders does not apply it: a network trained there on photographs
/// from a phone has seen some of them lying on their side.
///
/// As in Pillow, JPEG data that libjpeg only warns about is accepted and a picture that stops early
/// is not. Throws Error("path: cause"), e.g. "imgs/cats/7.jpg: truncated JPEG".
Image read_image(const std::filesystem::path& path);

/// The same from memory; throws Error with the cause alone.
Image decode_image(std::span<const uint8_t> file);

}  // namespace tl
