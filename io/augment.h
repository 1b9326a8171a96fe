// Augmentation: another random view of the same picture in every epoch of training.
#pragma once

#include <cstdint>

#include "io/image.h"
#include "io/preprocess.h"
#include "io/resize.h"

namespace tl {

/// Which views: what is drawn for a picture depends on `seed`, `epoch` and the picture's index
/// alone, so that any thread may load it.
struct Augmentation {
  uint64_t seed = 0;
  uint32_t epoch = 0;
};

/// The part of a height x width picture that is seen, and whether it is mirrored.
struct RandomView {
  Window window;
  bool mirrored = false;
};

/// torchvision's RandomResizedCrop and RandomHorizontalFlip with their defaults: an area uniform in
/// [0.08, 1] of the picture's, an aspect ratio log-uniform in [3/4, 4/3], drawn again up to ten
/// times until it fits in (then: the largest centred part within those ratios); mirrored half of
/// the time.
RandomView random_view(int64_t height, int64_t width, const Augmentation& augmentation,
                       int64_t index);

/// x -> out [crop, crop, 3]: the random view, resized to crop x crop, normalised.
void augment(const Image& x, const Preprocessing& preprocessing, const Augmentation& augmentation,
             int64_t index, float* out);

/// As kernel_view of io/preprocess.h: the random view, resized to crop x crop.
PreprocessPicture kernel_view(int64_t height, int64_t width, const Preprocessing& preprocessing,
                              const Augmentation& augmentation, int64_t index);

}  // namespace tl
