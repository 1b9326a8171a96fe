// torchvision's names, and those of timm, which are the same but for what torchvision does not
// have. Published CIFAR networks (kuangliu, akamaster) call the head "linear" and a block's
// downsample "shortcut".
#include "models/dialect.h"

namespace tl {

std::string usual_name_torchvision(const std::string& name) {
  if (name.starts_with("linear.")) return "fc." + name.substr(7);
  const std::string shortcut = ".shortcut.";
  const std::size_t at = name.find(shortcut);
  if (at == std::string::npos || !name.starts_with("layer")) return name;
  return name.substr(0, at) + ".downsample." + name.substr(at + shortcut.size());
}

}  // namespace tl
