// The relatives of the ResNets that are not built here: each is refused by what it is, not by the
// first tensor that does not fit.
#pragma once

#include <map>
#include <string>

#include "engine/shape.h"

namespace tl {

/// Throws Error if tensors of these usual names are those of such a network: "a ResNet with squeeze
/// and excitation (there is a tensor layer1.0.se.fc1.weight), which is not supported".
void refuse_unsupported(const std::map<std::string, Shape>& usual);

}  // namespace tl
