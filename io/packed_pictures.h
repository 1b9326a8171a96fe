// PackedPictures: many small pictures of one size in one file, as CIFAR and MNIST come.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "io/dataset.h"

namespace tl {

/// Record i is `channels` planes [height, width] of bytes from `first + i * stride` on, rows from
/// the top; 1 plane is grey, 3 are red, green, blue.
struct PackedPictures {
  std::vector<uint8_t> bytes;  // the whole file, unpacked
  int64_t first = 0;
  int64_t stride = 0;
  int64_t height = 0;
  int64_t width = 0;
  int channels = 3;

  int64_t record_bytes() const { return height * width * channels; }
};

/// A record as RGB; grey becomes three equal channels.
Image unpack(const PackedPictures& pictures, int64_t record);

}  // namespace tl
