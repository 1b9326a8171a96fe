// torchvision's evaluation transform. Geometry first (two lines of Python each, kept to the
// rounding), then one pass of resizing straight into the crop, then a table of 256 values per
// channel.
#include "io/preprocess.h"

#include <algorithm>
#include <cstring>

#include "io/resize.h"
#include "kernels/error.h"

namespace tl {
namespace {

/// One axis: the resized length, the part of it that is kept, and where that part lies in the crop.
struct Axis {
  int64_t resized;
  int64_t begin;   // first resized pixel that is kept
  int64_t kept;    // how many
  int64_t offset;  // black pixels in front of them in the crop
};

/// Python's round(n / 2.0): halves go to the even neighbour.
int64_t round_half_to_even(int64_t n) {
  const int64_t down = n / 2;
  return n % 2 == 0 ? down : down + (down % 2 != 0 ? 1 : 0);
}

Axis center_crop(int64_t resized, int64_t crop) {
  if (resized < crop) return {resized, 0, resized, (crop - resized) / 2};
  return {resized, round_half_to_even(resized - crop), crop, 0};
}

/// int(size * length / shorter) in Python, whose / of integers is the nearest double.
int64_t scaled(int64_t size, int64_t length, int64_t shorter) {
  return static_cast<int64_t>(static_cast<double>(size * length) / static_cast<double>(shorter));
}

}  // namespace

Image resize_and_crop(const Image& x, const Preprocessing& preprocessing) {
  const int64_t size = preprocessing.resize, crop = preprocessing.crop;
  check(size > 0 && crop > 0, "preprocess: resize ", size, " and crop ", crop, " must be positive");
  check(x.height > 0 && x.width > 0, "preprocess: empty picture");
  const int64_t shorter = std::min(x.height, x.width);
  const Axis rows = center_crop(x.height == shorter ? size : scaled(size, x.height, shorter), crop);
  const Axis columns =
      center_crop(x.width == shorter ? size : scaled(size, x.width, shorter), crop);

  Image kept = resize_bilinear(x, rows.resized, columns.resized,
                               {rows.begin, columns.begin, rows.kept, columns.kept});
  if (rows.kept == crop && columns.kept == crop) return kept;
  Image y{crop, crop, std::vector<uint8_t>(static_cast<size_t>(preprocessing.size()), 0)};
  for (int64_t row = 0; row < rows.kept; ++row) {
    std::memcpy(y.rgb.data() + ((rows.offset + row) * crop + columns.offset) * 3,
                kept.rgb.data() + row * columns.kept * 3, static_cast<size_t>(columns.kept) * 3);
  }
  return y;
}

void preprocess(const Image& x, const Preprocessing& preprocessing, float* out) {
  normalise(resize_and_crop(x, preprocessing), preprocessing, out);
}

void normalise(const Image& x, const Preprocessing& preprocessing, float* out) {
  std::array<std::array<float, 256>, 3> table;
  for (size_t channel = 0; channel < 3; ++channel) {
    for (size_t value = 0; value < 256; ++value) {
      const float unit = static_cast<float>(value) / 255.0f;
      table[channel][value] = (unit - preprocessing.mean[channel]) / preprocessing.std[channel];
    }
  }
  for (size_t i = 0; i < x.rgb.size(); i += 3) {
    for (size_t channel = 0; channel < 3; ++channel) {
      out[i + channel] = table[channel][x.rgb[i + channel]];
    }
  }
}

}  // namespace tl
