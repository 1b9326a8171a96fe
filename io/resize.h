// resize_bilinear: shrinking and enlarging pictures as Pillow does, to the bit.
#pragma once

#include <cstdint>

#include "io/image.h"

namespace tl {

/// A rectangle of pixels; row `top` and column `left` are its first.
struct Window {
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
};

/// `window` of the picture that x becomes when resized to height x width: the same bytes as
/// Pillow's `x.resize((width, height), BILINEAR).crop(window)`, computed without the rest of the
/// picture. Each output value is a triangle-weighted mean of the inputs within one output pixel's
/// distance (one input pixel's when enlarging), so shrinking does not alias. Columns first, rounded
/// to 8 bits, then rows; weights are fixed point with 22 fractional bits. Throws when a size is not
/// positive or the window leaves the resized picture.
Image resize_bilinear(const Image& x, int64_t height, int64_t width, const Window& window);

/// The whole resized picture.
Image resize_bilinear(const Image& x, int64_t height, int64_t width);

}  // namespace tl
