// OpenMMLab's deep stem (ResNetV1c, V1d): a Sequential with the last batch norm in it. All other
// names are torchvision's, also those of OpenMMLab's plain ResNets.
//   stem.0.weight  conv1.0.weight      stem.7.weight  bn1.weight
#include "models/dialect.h"

namespace tl {

std::string usual_name_openmmlab(const std::string& name) {
  std::string rest = name;
  if (take_front(rest, "stem.7.")) return "bn1." + rest;
  if (take_front(rest, "stem.")) return "conv1." + rest;
  return name;
}

}  // namespace tl
