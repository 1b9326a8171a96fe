#include "io/packed_pictures.h"

#include "kernels/error.h"

namespace tl {

Image unpack(const PackedPictures& pictures, int64_t record) {
  const int64_t begin = pictures.first + record * pictures.stride;
  check(record >= 0 && begin + pictures.record_bytes() <= std::ssize(pictures.bytes), "record ",
        record, ": not in the file");
  const int64_t plane = pictures.height * pictures.width;
  Image image{pictures.height, pictures.width,
              std::vector<uint8_t>(static_cast<size_t>(plane * 3))};
  for (int64_t c = 0; c < 3; ++c) {
    const uint8_t* x = pictures.bytes.data() + begin + (pictures.channels == 3 ? c * plane : 0);
    for (int64_t i = 0; i < plane; ++i) image.rgb[static_cast<size_t>(i * 3 + c)] = x[i];
  }
  return image;
}

}  // namespace tl
