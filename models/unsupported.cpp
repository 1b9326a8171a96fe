#include "models/unsupported.h"

#include <span>

#include "kernels/error.h"

namespace tl {
namespace {

struct Mark {
  const char* part;  ///< of a tensor's name, between dots
  const char* what;
};

/// In the network itself.
constexpr Mark kNetworkMarks[] = {
    {"se.conv", "a ResNet with efficient channel attention (ECA)"},
    {"eca", "a ResNet with efficient channel attention (ECA)"},
    {"se", "a ResNet with squeeze and excitation (SE)"},
    {"se_module", "a ResNet with squeeze and excitation (SE)"},
    {"cbam", "a ResNet with attention in its blocks (CBAM)"},
    {"paths", "a ResNet with selective kernels (SKNet)"},
    {"conv2.fc1", "a ResNet with split attention (ResNeSt)"},
    {"convs", "a Res2Net"},
    {"IN", "an IBN-Net"},
    {"filt", "a ResNet with blur pooling (anti-aliased)"},
    {"maxpool.0", "a ResNet with a convolution for its max pooling (ResNet-RS)"},
    {"attnpool", "a ResNet with attention pooling (CLIP)"},
};

/// Where no tensor has the name of a ResNet's.
constexpr Mark kOtherForms[] = {
    {"conv1_1x1", "a network of timm's ByobNet form"},
    {"conv_exp", "a CSPNet"},
};

bool has_part(const std::string& name, const std::string& part) {
  return ("." + name + ".").find("." + part + ".") != std::string::npos;
}

[[noreturn]] void refuse(const std::string& what, const std::string& shown_by) {
  throw Error(concat(what, " (", shown_by, "), which is not supported"));
}

/// timm's ResNetV2: batch norm and ReLU before each convolution; Google's Big Transfer has the same
/// names.
void refuse_pre_activation(const std::map<std::string, Shape>& usual) {
  for (const auto& [name, shape] : usual) {
    const std::string first = "stages.0.blocks.0.norm1.";
    const std::size_t at = name.find(first);
    if (at == std::string::npos) continue;
    if (usual.contains(name.substr(0, at) + first + "running_mean")) {
      refuse("a pre-activation ResNetV2", "there is a tensor " + name);
    }
    refuse("a ResNetV2 with group normalisation, weights standardised (BiT)",
           "there is a tensor " + name + ", but no running mean");
  }
}

}  // namespace

void refuse_unsupported(const std::map<std::string, Shape>& usual) {
  const auto has = [&](const char* name) { return usual.contains(name); };
  const bool is_network = has("conv1.weight") || has("conv1.0.weight");
  if (!is_network) refuse_pre_activation(usual);
  for (const Mark& mark : is_network ? std::span<const Mark>(kNetworkMarks) : kOtherForms) {
    for (const auto& [name, shape] : usual) {
      // Beside a network a file may hold anything, a head with such parts too.
      const bool counts = !is_network || name.starts_with("layer") ||
                          name.starts_with("maxpool.") || name.starts_with("attnpool.");
      if (counts && has_part(name, mark.part)) refuse(mark.what, "there is a tensor " + name);
    }
  }
  if (!is_network || !has("layer1.0.bn1.weight")) return;
  if (!has("bn1.weight")) refuse("a pre-activation ResNet", "there is no tensor bn1.weight");
  if (!has("bn1.running_mean") && !has("layer1.0.bn1.running_mean"))
    refuse("a ResNet with group normalisation", "there is no tensor bn1.running_mean");
}

}  // namespace tl
