// LayerNames: what the layers of a network are called, for who watches it run.
#pragma once

#include <map>
#include <string>

#include "nn/module.h"

namespace tl {

class LayerNames {
 public:
  explicit LayerNames(const Module& network) {
    for (const auto& [path, module] : network.modules()) names_[module] = path;
    names_[&network] = "(network)";
  }
  /// The module's path, e.g. "layer1.0.conv1"; "(network)"; "(no layer)" for anything else.
  std::string operator()(Layer layer) const {
    const auto found = names_.find(layer);
    return found == names_.end() ? "(no layer)" : found->second;
  }

 private:
  std::map<Layer, std::string> names_;
};

}  // namespace tl
