// usual_names: a file's names, to torchvision's: dots, the network's dialect, the head.
#include <algorithm>

#include "models/dialect.h"
#include "models/weight_names.h"

namespace tl {
namespace {

using Names = std::map<std::string, std::string>;  // by the file's
using Shapes = std::map<std::string, Shape>;

std::string with_dots(std::string path) {
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

/// Whether a usual name is one of the layers below the head.
bool is_below_head(const std::string& name) {
  return name.starts_with("conv1.") || name.starts_with("bn1.") || name.starts_with("layer");
}

/// What the blocks' last convolutions have most channels of; 0 without any.
std::int64_t feature_count(const Names& usual, const Shapes& file) {
  std::int64_t most[2] = {0, 0};
  for (const auto& [name, own] : usual) {
    const Shape& shape = file.at(name);
    if (!own.starts_with("layer") || shape.rank() != 4) continue;
    for (const int i : {0, 1}) {
      if (own.ends_with(i == 0 ? ".conv2.weight" : ".conv3.weight"))
        most[i] = std::max(most[i], shape[0]);
    }
  }
  return most[1] > 0 ? most[1] : most[0];
}

/// The name of the only layer that is not below the head, without its "weight", if it is linear and
/// takes the features; "" otherwise.
std::string find_head(const Names& usual, const Shapes& file) {
  std::string head;
  std::vector<std::string> others;
  for (const auto& [name, own] : usual) {
    if (is_below_head(own) || is_bookkeeping(own)) continue;
    if (!head.empty() || !own.ends_with("weight")) {
      others.push_back(own);
      continue;
    }
    const Shape& shape = file.at(name);
    if (shape.rank() != 2 || shape[1] != feature_count(usual, file)) return "";
    head = own.substr(0, own.size() - std::string("weight").size());
  }
  const bool has_bias_alone = others.empty() || (others.size() == 1 && others[0] == head + "bias");
  return has_bias_alone ? head : "";
}

}  // namespace

bool is_bookkeeping(const std::string& name) {
  const std::string part = name.substr(name.rfind('.') + 1);
  return name.size() > part.size() &&
         (part == "num_batches_tracked" || part == "total_ops" || part == "total_params");
}

Names usual_names(const Shapes& file) {
  Names usual;
  std::set<std::string> paths;
  for (const auto& [name, shape] : file) paths.insert(usual[name] = with_dots(name));
  const NetworkNames network = find_network(paths);
  if (network.dialect) {
    for (auto& [name, own] : usual) {
      if (take_front(own, network.prefix)) own = network.dialect->usual_name(own);
    }
    const bool has_head = std::any_of(usual.begin(), usual.end(),
                                      [](const auto& n) { return n.second == "fc.weight"; });
    if (const std::string head = has_head ? "" : find_head(usual, file); !head.empty()) {
      for (auto& [name, own] : usual) {
        if (take_front(own, head)) own = "fc." + own;
      }
    }
  }
  std::set<std::string> taken;
  for (const auto& [name, own] : usual) {
    check(taken.insert(own).second, "two tensors are called ", own, ", one of them by the name ",
          name);
  }
  return usual;
}

}  // namespace tl
