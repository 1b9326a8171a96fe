// The layers of a network that Keras saved, by the names that keras.applications gives them:
// "conv2_block1_1_conv" and the file's names for its kernel and bias.
#pragma once

#include <charconv>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/shape.h"

namespace tl {

/// A text that is read from its left.
struct Scan {
  std::string_view rest;

  bool word(std::string_view expected) {
    if (!rest.starts_with(expected)) return false;
    rest.remove_prefix(expected.size());
    return true;
  }
  /// -1 if there is none.
  int number() {
    int n = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), n);
    if (error != std::errc() || n < 0) return -1;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    return n;
  }
  /// 0 if there is none.
  char letter() {
    if (rest.empty() || rest[0] < 'a' || rest[0] > 'z') return 0;
    const char c = rest[0];
    rest.remove_prefix(1);
    return c;
  }
};

/// The file's names of a layer's tensors, by what they are: kernel, bias, gamma, beta, moving_mean,
/// moving_variance.
struct KerasLayer {
  std::map<std::string_view, std::string> parts;
  bool is_double = false;  ///< another layer has the same name

  /// "" where the layer has none.
  std::string at(std::string_view part) const {
    const auto found = parts.find(part);
    return found == parts.end() ? "" : found->second;
  }
};

struct KerasLayers {
  std::map<std::string, KerasLayer> by_name;
  std::set<std::string> unused;  ///< the file's other names, but for an optimizer's
};

/// Empty if the names are not Keras's. Layers that have numbers only, as in .weights.h5, get the
/// names of keras.applications by their order and shapes, dense ones keep their paths; throws where
/// they are not such a network.
KerasLayers keras_layers(const std::map<std::string, Shape>& file);

}  // namespace tl
