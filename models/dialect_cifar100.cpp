// weiaicunzai's networks for CIFAR-100:
//   conv1.0.weight                           conv1.weight
//   conv1.1.weight                           bn1.weight
//   conv3_x.1.residual_function.3.weight     layer2.1.conv2.weight
//   conv3_x.0.shortcut.0.weight              layer2.0.downsample.0.weight
// A residual function is convolution, batch norm and ReLU in turn.
#include "models/dialect.h"

namespace tl {

std::string usual_name_cifar100(const std::string& name) {
  std::string rest = name;
  if (take_front(rest, "conv1.0.")) return "conv1." + rest;
  if (take_front(rest, "conv1.1.")) return "bn1." + rest;
  for (int stage = 1; stage <= 4; ++stage) {
    if (!take_front(rest, "conv" + std::to_string(stage + 1) + "_x.")) continue;
    const std::string front = "layer" + std::to_string(stage) + ".";
    const std::size_t dot = rest.find('.');
    if (dot == std::string::npos) return name;
    const std::string block = front + rest.substr(0, dot + 1);
    rest.erase(0, dot + 1);
    if (take_front(rest, "shortcut.")) return block + "downsample." + rest;
    if (!take_front(rest, "residual_function.")) return name;
    for (int i = 0; i < 3; ++i) {
      const std::string number = std::to_string(i + 1) + ".";
      if (take_front(rest, std::to_string(3 * i) + ".")) return block + "conv" + number + rest;
      if (take_front(rest, std::to_string(3 * i + 1) + ".")) return block + "bn" + number + rest;
    }
  }
  return name;
}

}  // namespace tl
