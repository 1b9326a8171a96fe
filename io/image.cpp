// Which decoder gets a file: the first bytes decide, never the name.
#include "io/image.h"

#include <algorithm>
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

/// "a TIFF", "text": what a file is that people take for a picture; "" when that is not known.
std::string_view name_of_other_format(std::span<const uint8_t> file) {
  if (has_at(file, 0, {"II*\0", 4}) || has_at(file, 0, {"MM\0*", 4})) return "a TIFF";
  if (has_at(file, 4, "ftypavif") || has_at(file, 4, "ftypavis")) return "an AVIF";
  if (has_at(file, 4, "ftyphe") || has_at(file, 4, "ftypmif1")) return "a HEIC";
  if (has_at(file, 0, {"\0\0\0\x0cjP  ", 8})) return "a JPEG 2000";
  if (has_at(file, 0, {"\0\0\0\x0cJXL ", 8}) || has_at(file, 0, "\xff\x0a")) return "a JPEG XL";
  if (has_at(file, 0, "8BPS")) return "a Photoshop file";
  if (has_at(file, 0, {"\0\0\1\0", 4})) return "an icon";
  if (has_at(file, 0, "%PDF")) return "a PDF";
  if (has_at(file, 0, "PK\3\4")) return "a ZIP archive";
  if (has_at(file, 4, "ftyp")) return "a film";

  const std::string_view head(reinterpret_cast<const char*>(file.data()),
                              std::min<size_t>(file.size(), 1024));
  const bool text = std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<uint8_t>(c);  // UTF-8 has none over 0xf4
    return (byte >= ' ' && byte <= 0xf4) || c == '\n' || c == '\r' || c == '\t';
  });
  if (!text) return "";
  if (head.find("<svg") != head.npos) return "an SVG";
  return head.find("<html") != head.npos ? "a web page" : "text";
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
  if (has_at(file, 0, "GIF87a") || has_at(file, 0, "GIF89a")) return decode_gif(file);
  if (has_at(file, 0, "RIFF") && has_at(file, 8, "WEBP")) return decode_webp(file);
  if (has_at(file, 0, "BM")) return decode_bmp(file);
  const std::string_view name = name_of_other_format(file);
  throw Error(concat(name.empty() ? "not" : concat("is ", name, ", not"),
                     " a picture format that is read: ", picture_formats));
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
