// Hugging Face's transformers, ResNetModel:
//   embedder.embedder.convolution.weight                 conv1.weight
//   encoder.stages.0.layers.1.layer.0.normalization.bias layer1.1.bn1.bias
//   encoder.stages.0.layers.1.shortcut.convolution...    layer1.1.downsample.0...
// The head, classifier.1, stands outside.
#include <cctype>

#include "models/dialect.h"

namespace tl {
namespace {

/// Takes a number and the dot behind it; "" if there is none.
std::string take_number(std::string& name) {
  std::size_t digits = 0;
  while (digits < name.size() && std::isdigit(static_cast<unsigned char>(name[digits]))) ++digits;
  if (digits == 0 || digits > 4 || digits == name.size() || name[digits] != '.') return "";
  const std::string number = name.substr(0, digits);
  name.erase(0, digits + 1);
  return number;
}

/// Of a number counted from 0.
std::string next(const std::string& number) { return std::to_string(std::stoi(number) + 1); }

}  // namespace

std::string usual_name_huggingface(const std::string& name) {
  std::string rest = name;
  if (take_front(rest, "embedder.embedder.")) {
    if (take_front(rest, "convolution.")) return "conv1." + rest;
    if (take_front(rest, "normalization.")) return "bn1." + rest;
    return name;
  }
  if (!take_front(rest, "encoder.stages.")) return name;
  const std::string stage = take_number(rest);
  if (stage.empty() || !take_front(rest, "layers.")) return name;
  const std::string block = take_number(rest);
  if (block.empty()) return name;
  const std::string front = "layer" + next(stage) + "." + block + ".";
  if (take_front(rest, "shortcut.convolution.")) return front + "downsample.0." + rest;
  if (take_front(rest, "shortcut.normalization.")) return front + "downsample.1." + rest;
  if (!take_front(rest, "layer.")) return name;
  const std::string layer = take_number(rest);
  if (layer.empty()) return name;
  if (take_front(rest, "convolution.")) return front + "conv" + next(layer) + "." + rest;
  if (take_front(rest, "normalization.")) return front + "bn" + next(layer) + "." + rest;
  return name;
}

}  // namespace tl
