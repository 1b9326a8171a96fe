// The demo's network: a ResNet of one block per stage, 16 to 128 channels, 0.3 million parameters.
#pragma once

#include <memory>

#include "engine/random.h"
#include "models/resnet.h"

namespace tl {

/// Height, width and channels of the demo's pictures.
Shape scene_shape();

ResNetConfig demo_config(std::int64_t classes);

/// All weights drawn at random.
std::unique_ptr<ResNet> fresh_network(std::int64_t classes, Generator& random, Placement where);

/// The backbone from the weights inside the program, a head drawn at random.
std::unique_ptr<ResNet> pretrained_network(std::int64_t classes, Generator& random,
                                           Placement where);

}  // namespace tl
