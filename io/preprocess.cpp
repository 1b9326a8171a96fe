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

/// Python's round(n / 2.0): halves go to the even neighbour.
int64_t round_half_to_even(int64_t n) {
  const int64_t down = n / 2;
  return n % 2 == 0 ? down : down + (down % 2 != 0 ? 1 : 0);
}

/// The middle `crop` of an axis that is resized whole, or all of it between black pixels.
PreprocessAxis center_crop(int64_t size, int64_t resized, int64_t crop) {
  PreprocessAxis axis{.size = size, .length = size, .resized = resized};
  axis.first = resized < crop ? 0 : round_half_to_even(resized - crop);
  axis.kept = std::min(resized, crop);
  axis.offset = resized < crop ? (crop - resized) / 2 : 0;
  return axis;
}

/// int(size * length / shorter) in Python, whose / of integers is the nearest double.
int64_t scaled(int64_t size, int64_t length, int64_t shorter) {
  return static_cast<int64_t>(static_cast<double>(size * length) / static_cast<double>(shorter));
}

}  // namespace

PreprocessPicture kernel_view(int64_t height, int64_t width, const Preprocessing& preprocessing) {
  const int64_t size = preprocessing.resize, crop = preprocessing.crop;
  check(size > 0 && crop > 0, "preprocess: resize ", size, " and crop ", crop, " must be positive");
  check(height > 0 && width > 0, "preprocess: empty picture");
  const int64_t shorter = std::min(height, width);
  const auto axis = [&](int64_t length) {
    return center_crop(length, length == shorter ? size : scaled(size, length, shorter), crop);
  };
  return {.x = {}, .rows = axis(height), .columns = axis(width)};
}

Image resize_and_crop(const Image& x, const Preprocessing& preprocessing) {
  const int64_t crop = preprocessing.crop;
  const PreprocessPicture view = kernel_view(x.height, x.width, preprocessing);
  const PreprocessAxis &rows = view.rows, &columns = view.columns;
  Image kept = resize_bilinear(x, rows.resized, columns.resized,
                               {rows.first, columns.first, rows.kept, columns.kept});
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

Preprocessing caffe_preprocessing() {
  constexpr float most = 255;
  return {.mean = {123.68f / most, 116.779f / most, 103.939f / most},
          .std = {1 / most, 1 / most, 1 / most}};
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
