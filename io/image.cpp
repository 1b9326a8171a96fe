// Which decoder gets a file: the first bytes decide, never the name.
#include "io/image.h"

#include <string_view>

#include "io/file_bytes.h"
#include "io/picture_format.h"
#include "kernels/error.h"

namespace tl {
namespace {

bool has_at(std::span<const uint8_t> file, size_t position, std::string_view magic) {
  if (file.size() < position + magic.size()) return false;
  for (size_t i = 0; i < magic.size(); ++i) {
    if (file[position + i] != static_cast<uint8_t>(magic[i])) return false;
  }
  return true;
}

/// Formats that are recognised only to be refused by name.
const char* unsupported_format(std::span<const uint8_t> file) {
  if (has_at(file, 0, "GIF8")) return "GIF";
  if (has_at(file, 0, "RIFF") && has_at(file, 8, "WEBP")) return "WebP";
  if (has_at(file, 0, "BM")) return "BMP";
  if (has_at(file, 0, {"II*\0", 4}) || has_at(file, 0, {"MM\0*", 4})) return "TIFF";
  if (has_at(file, 4, "ftypavif")) return "AVIF";
  if (has_at(file, 4, "ftyphei") || has_at(file, 4, "ftypmif1")) return "HEIF";
  if (has_at(file, 0, {"\0\0\0\x0cjP  ", 8})) return "JPEG 2000";
  return nullptr;
}

}  // namespace

std::span<const std::string_view> picture_endings() {
  static constexpr std::string_view endings[] = {".jpg", ".jpeg", ".jpe", ".jfif",
                                                 ".png", ".bmp",  ".gif", ".webp"};
  return endings;
}

void check_picture_size(int64_t width, int64_t height) {
  check(width > 0 && height > 0, "a picture of ", width, " x ", height, " pixels");
  check(width <= max_picture_pixels / height, "a picture of ", width, " x ", height,
        " pixels is over the limit of ", max_picture_pixels, " pixels");
}

Image decode_image(std::span<const uint8_t> file) {
  check(!file.empty(), "empty file");
  if (has_at(file, 0, "\xff\xd8\xff")) return decode_jpeg(file);
  if (has_at(file, 0, "\x89PNG\r\n\x1a\n")) return decode_png(file);
  const char* format = unsupported_format(file);
  check(format == nullptr, format ? format : "", " pictures are not supported yet");
  throw Error("not a JPEG or PNG picture");
}

Image read_image(const std::filesystem::path& path) {
  const std::vector<uint8_t> file = read_file_bytes(path);
  try {
    return decode_image(file);
  } catch (const Error& error) {
    throw Error(concat(path.string(), ": ", error.what()));
  }
}

}  // namespace tl
