// Pictures for the tests of io: a deterministic one, and JPEG files; other kinds of files are in
// picture_files.h.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// clang-format off
#include <jpeglib.h>  // does not include <cstdio> itself, which it needs
// clang-format on

#include "io/image.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {

using Bytes = std::vector<uint8_t>;

inline void write_bytes(const std::filesystem::path& path, const std::vector<uint8_t>& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

inline std::vector<uint8_t> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Noise that a line of Python makes as well: byte i is ((i * 2654435761) mod 2^32 >> 13) & 255.
inline Image noise(int64_t height, int64_t width) {
  Image image{height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3))};
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    image.rgb[i] = static_cast<uint8_t>((static_cast<uint32_t>(i) * 2654435761u) >> 13);
  }
  return image;
}

/// FNV-1a, 64 bits.
inline uint64_t hash_of(const std::vector<uint8_t>& bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

struct JpegOptions {
  J_COLOR_SPACE space = JCS_RGB;  // JCS_GRAYSCALE and JCS_CMYK take 1 and 4 bytes per pixel
  int quality = 95;
  bool progressive = false;
  int restart_interval = 0;
  std::vector<uint8_t> exif = {};  // as the data of a marker APP1
  bool ycck = false;               // CMYK, stored as brightness, two colours and K
};

/// `samples`: height * width * (1, 3 or 4) bytes.
inline std::vector<uint8_t> jpeg_of(int64_t height, int64_t width,
                                    const std::vector<uint8_t>& samples,
                                    const JpegOptions& options = {}) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_height = static_cast<JDIMENSION>(height);
  info.image_width = static_cast<JDIMENSION>(width);
  info.in_color_space = options.space;
  info.input_components = options.space == JCS_GRAYSCALE ? 1 : options.space == JCS_CMYK ? 4 : 3;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, options.quality, TRUE);
  if (options.progressive) jpeg_simple_progression(&info);
  if (options.ycck) jpeg_set_colorspace(&info, JCS_YCCK);
  info.restart_interval = static_cast<unsigned>(options.restart_interval);
  jpeg_start_compress(&info, TRUE);
  if (!options.exif.empty()) {
    jpeg_write_marker(&info, JPEG_APP0 + 1, options.exif.data(),
                      static_cast<unsigned>(options.exif.size()));
  }
  const size_t stride = static_cast<size_t>(width * info.input_components);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<uint8_t*>(samples.data() + info.next_scanline * stride);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::vector<uint8_t> result(bytes, bytes + size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return result;
}

inline std::vector<uint8_t> jpeg_of(const Image& image, const JpegOptions& options = {}) {
  return jpeg_of(image.height, image.width, image.rgb, options);
}

/// The text of what f throws; "" when it does not throw.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

inline bool is_one_line(const std::string& text) {
  return !text.empty() && text.find_first_of("\n\r") == std::string::npos;
}

}  // namespace tl::test
