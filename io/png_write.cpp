// write_png by stb_image_write: the one place that compiles it.
#include "io/png_write.h"

#include <string>

#include "io/atomic_file.h"
#include "kernels/error.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace tl {

void write_png(const std::filesystem::path& path, const Image& x) {
  check(x.height > 0 && x.width > 0 && x.height * x.width <= max_picture_pixels, path.string(),
        ": a PNG file of ", x.height, " x ", x.width, " pixels");
  std::string bytes;
  const auto append = [](void* to, void* from, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(from),
                                          static_cast<size_t>(size));
  };
  const auto width = static_cast<int>(x.width), height = static_cast<int>(x.height);
  check(stbi_write_png_to_func(append, &bytes, width, height, 3, x.rgb.data(), 3 * width) != 0,
        path.string(), ": no memory to encode the picture");
  write_file_atomically(path, bytes);
}

}  // namespace tl
