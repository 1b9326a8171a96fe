// nn.Sequential(*list(resnet.children())), as many self-supervised methods wrap a network:
//   0 conv1, 1 bn1, 2 ReLU, 3 max pooling, 4 to 7 the stages
// or, where there is no pooling (SimCLR for CIFAR), 3 to 6 the stages.
#include "models/dialect.h"

namespace tl {
namespace {

std::string usual_name(const std::string& name, int first_stage) {
  std::string rest = name;
  if (take_front(rest, "0.")) return "conv1." + rest;
  if (take_front(rest, "1.")) return "bn1." + rest;
  for (int stage = 1; stage <= 4; ++stage) {
    if (take_front(rest, std::to_string(first_stage + stage - 1) + "."))
      return "layer" + std::to_string(stage) + "." + rest;
  }
  return name;
}

}  // namespace

std::string usual_name_sequential(const std::string& name) { return usual_name(name, 4); }

std::string usual_name_sequential_without_pool(const std::string& name) {
  return usual_name(name, 3);
}

}  // namespace tl
