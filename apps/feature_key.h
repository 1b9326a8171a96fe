// feature_key: what decides on the bits of a picture's features, besides the picture.
#pragma once

#include <string>

#include "engine/device.h"
#include "io/preprocess.h"
#include "models/resnet.h"

namespace tl {

/// A few lines of text: this program (another build may round otherwise), the device, its SIMD
/// target and its convolutions, the architecture and numbers of the backbone, of which `checksum`
/// is checksum_of_backbone(), and the preprocessing. The number of threads has no say. Throws Error
/// where the program's own file cannot be read.
std::string feature_key(const ResNet& network, const std::string& checksum,
                        const Preprocessing& preprocessing, Device device);

}  // namespace tl
