// Preprocessing: from a picture of any size to the numbers that a network was trained on.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "io/image.h"
#include "kernels/preprocess.h"

namespace tl {

/// Shorter side to `resize` pixels, the `crop` x `crop` centre of that, values / 255, minus `mean`,
/// divided by `std`, per channel. The defaults are those of torchvision's ImageNet networks.
struct Preprocessing {
  int resize = 256;
  int crop = 224;
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};

  bool operator==(const Preprocessing&) const = default;
  /// Number of floats that preprocess writes.
  int64_t size() const { return int64_t{crop} * crop * 3; }
};

/// Caffe's way, which Keras's ResNets have too: 0 to 255 minus the mean colour of ImageNet, not
/// divided; in red, green, blue. The network must be one for that order.
/// Source: keras/src/applications/imagenet_utils.py, mode "caffe".
Preprocessing caffe_preprocessing();

/// x -> out [crop, crop, 3], the values of torchvision's Compose of Resize(resize),
/// CenterCrop(crop), ToTensor, Normalize(mean, std) on a PIL picture, channels last. Where the
/// resized picture is smaller than the crop, black is added around it before normalisation.
void preprocess(const Image& x, const Preprocessing& preprocessing, float* out);

/// The first two steps alone: 8-bit, crop x crop.
Image resize_and_crop(const Image& x, const Preprocessing& preprocessing);

/// The first two as the kernels of kernels/preprocess.h are told of them, without the pixels: they
/// give the same bits.
PreprocessPicture kernel_view(int64_t height, int64_t width, const Preprocessing& preprocessing);

/// The last two: 8-bit values to values / 255, minus `mean`, divided by `std`; out has x's shape.
void normalise(const Image& x, const Preprocessing& preprocessing, float* out);

/// {"resize":256,"crop":224,"mean":[...],"std":[...]}; from_json gives back the same values
/// exactly.
std::string to_json(const Preprocessing& preprocessing);

/// Throws Error when the text is not such an object or a value makes no sense.
Preprocessing preprocessing_from_json(std::string_view json);

}  // namespace tl
