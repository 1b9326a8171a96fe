// step_graph: the tape of one training step, for reading.
#pragma once

#include <string>

#include "models/resnet_config.h"

namespace tl {

/// Runs the network forward on a small picture and lists what the tape holds then, in the order in
/// which backward visits it: op, layer, and where each gradient goes. Random weights.
std::string step_graph(const ResNetConfig& config);

}  // namespace tl
