// EXIF: the one field that changes what a picture shows, its orientation.
#pragma once

#include <cstdint>
#include <span>

#include "io/image.h"

namespace tl {

/// Orientation (tag 0x0112 of EXIF 2.3) of an EXIF block, with or without "Exif\0\0" in front. 1 to
/// 8; 1, "as stored", when there is none. A damaged block is no reason to refuse a picture: also 1.
int exif_orientation(std::span<const uint8_t> exif);

/// The picture as it is meant to be seen. `orientation` says which sides of the scene the stored
/// first row and first column are: 1 top left, 2 top right, 3 bottom right, 4 bottom left, 5 left
/// top, 6 right top, 7 right bottom, 8 left bottom.
Image upright(Image stored, int orientation);

}  // namespace tl
