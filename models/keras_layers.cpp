// Reading order: what a path says, the layers of a file, numbered layers and their names.
//
// Sources: keras/src/legacy/saving/legacy_h5_format.py (.h5), keras/src/saving/saving_lib.py
// (.weights.h5), keras/src/applications/resnet.py.
#include "models/keras_layers.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tl {
namespace {

using Shapes = std::map<std::string, Shape>;
using Layers = std::map<std::string, KerasLayer>;

constexpr std::array<std::string_view, 6> kParts = {"kernel", "bias",        "gamma",
                                                    "beta",   "moving_mean", "moving_variance"};

/// What Keras 1 put behind the layer's name instead. Its "std" held the variance.
constexpr std::array<std::string_view, 6> kPartsOfKeras1 = {
    "_W", "_b", "_gamma", "_beta", "_running_mean", "_running_std"};

std::string_view last_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}
std::string_view before_last(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return path.substr(0, slash == path.npos ? 0 : slash);
}

/// Takes "_12" off the end of a name, which Keras puts there to make names different; 0 without.
int take_count(std::string_view& name) {
  const std::size_t at = name.find_last_not_of("0123456789");
  if (at == name.npos || name[at] != '_') return 0;
  const int count = Scan{name.substr(at + 1)}.number();
  if (count < 0) return 0;
  name = name.substr(0, at);
  return count;
}

/// "layers/conv2d_12": the model "layers", the kind "conv2d", the number 12.
struct Numbered {
  std::string_view model, kind;
  int number = 0;

  explicit Numbered(std::string_view path) : model(before_last(path)), kind(last_of(path)) {
    number = take_count(kind);
  }
};

struct Variable {
  std::string layer;  // its name, or its path if it has a number only
  std::string_view part;
  bool is_numbered = false;
};

/// What variable 0, 1, ... of a layer of that kind is; "" if that is not needed.
std::string_view part_of(std::string_view kind, std::size_t number) {
  if ((kind == "conv2d" || kind == "dense") && number < 2) return kParts[number];
  if (kind == "batch_normalization" && number < 4) return kParts[2 + number];
  return "";
}

/// What a name of the file says, if it is a layer's in a file of Keras's.
std::optional<Variable> variable_of(std::string_view name) {
  const std::string_view parent = last_of(before_last(name));
  std::string_view last = last_of(name);
  if (parent == "vars") {  // "layers/conv2d_12/vars/0"
    const std::string_view layer = before_last(before_last(name));
    Scan text{last};
    const int number = text.number();
    if (number < 0 || !text.rest.empty()) return std::nullopt;
    const std::string_view part = part_of(Numbered(layer).kind, static_cast<std::size_t>(number));
    return part.empty() ? std::nullopt : std::optional(Variable{std::string(layer), part, true});
  }
  last = last.substr(0, last.rfind(':'));  // TensorFlow's ":0"
  take_count(last);
  for (std::size_t i = 0; !parent.empty() && i < kParts.size(); ++i) {
    const bool is_old = last.starts_with(parent) && last.substr(parent.size()) == kPartsOfKeras1[i];
    if (last == kParts[i] || is_old) return Variable{std::string(parent), kParts[i]};
  }
  return std::nullopt;
}

bool is_optimizer(const std::string& name) {
  return name.starts_with("optimizer_weights/") || name.starts_with("optimizer/");
}

const Shape* filter_of(const KerasLayer& layer, const Shapes& file) {
  const auto found = file.find(layer.at("kernel"));
  return found != file.end() && found->second.rank() == 4 ? &found->second : nullptr;
}

/// The layers of a kind in a model, in their order, which Keras's numbers have.
std::vector<std::string> in_order(const Layers& layers, std::string_view model,
                                  std::string_view kind) {
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [path, layer] : layers) {
    const Numbered name(path);
    if (name.model == model && name.kind == kind) order.emplace_back(name.number, path);
  }
  std::ranges::sort(order);
  std::vector<std::string> paths;
  for (auto& [number, path] : order) paths.push_back(std::move(path));
  return paths;
}

/// The model that has most convolutions: the network itself, not what stands around it.
std::string largest_model(const Layers& layers) {
  std::map<std::string, int> convs;
  for (const auto& [path, layer] : layers) {
    const Numbered name(path);
    convs[std::string(name.model)] += name.kind == "conv2d";
  }
  return std::ranges::max_element(convs, {}, [](const auto& model) { return model.second; })->first;
}

/// The names that keras.applications gives to the convolutions of a network, in their order; fewer
/// or more where it is no such network. In a block with a convolution on the shortcut that one is
/// the third, for Keras orders layers by how far they are from the network's end.
std::vector<std::string> usual_order(const std::vector<const Shape*>& filters) {
  std::vector<std::string> names{"conv1"};
  int stage = 1, block = 0;
  for (std::size_t i = 1; i + 2 < filters.size();) {
    const bool projects = (*filters[i])[2] != (*filters[i + 2])[3];
    stage += projects;
    block = projects ? 1 : block + 1;
    for (const char* place : {"1", "2", "0", "3"}) {
      if (*place != '0' || projects)
        names.push_back(concat("conv", stage, "_block", block, "_", place));
    }
    i += projects ? 4 : 3;
  }
  return names;
}

/// Gives them the names that they would have in the other dialect.
void name_numbered(const Layers& numbered, const Shapes& file, KerasLayers& found) {
  const std::string model = largest_model(numbered);
  const auto convs = in_order(numbered, model, "conv2d");
  const auto norms = in_order(numbered, model, "batch_normalization");
  std::vector<const Shape*> filters;
  for (const std::string& path : convs) filters.push_back(filter_of(numbered.at(path), file));
  const std::string what = concat("is a Keras file of ", convs.size(), " convolutions and ",
                                  norms.size(), " batch norms, ");
  const bool are_filters = std::ranges::find(filters, nullptr) == filters.end();
  check(!convs.empty() && are_filters && convs.size() == norms.size(), what,
        "expected one batch norm for each convolution, as in ResNet50, 101 and 152 (ResNetV2 is "
        "not read)");
  const std::vector<std::string> names = usual_order(filters);
  check(names.size() == convs.size(), what, "which are not those of ResNet50, 101 or 152");
  for (std::size_t i = 0; i < names.size(); ++i) {
    found.by_name[names[i] + "_conv"] = numbered.at(convs[i]);
    found.by_name[names[i] + "_bn"] = numbered.at(norms[i]);
  }
  for (const auto& [path, layer] : numbered)
    if (Numbered(path).kind == "dense") found.by_name[path] = layer;
}

}  // namespace

KerasLayers keras_layers(const std::map<std::string, Shape>& file) {
  KerasLayers found;
  Layers numbered;
  bool is_keras = false;  // a layer with a "bias" alone may be anybody's
  for (const auto& [name, shape] : file) {
    if (is_optimizer(name)) continue;
    found.unused.insert(name);
    const std::optional<Variable> variable = variable_of(name);
    if (!variable) continue;
    KerasLayer& layer = (variable->is_numbered ? numbered : found.by_name)[variable->layer];
    layer.is_double |= !layer.parts.emplace(variable->part, name).second;
    is_keras = is_keras || variable->part != "bias";
  }
  if (!is_keras) return {};
  if (!numbered.empty()) name_numbered(numbered, file, found);
  return found;
}

}  // namespace tl
