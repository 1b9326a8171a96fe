#include "apps/feature_key.h"

#include "apps/program_digest.h"
#include "kernels/cpu/simd_target.h"

namespace tl {
std::string feature_key(const ResNet& network, const std::string& checksum,
                        const Preprocessing& preprocessing, Device device) {
  std::string key;
  const auto line = [&key](const auto&... parts) { key += concat(parts..., "\n"); };
  line("program ", program_digest());
  line("device ", name_of(device));
  if (device == Device::cpu) line("simd ", cpu::simd_target_name());
  const auto& convolutions = backend(device).conv2d.forward;
  for (const auto& variant : convolutions.all()) line("conv2d ", variant.name);
  for (const auto& [problem, variant] : convolutions.preferred())
    line("conv2d ", problem, " by ", variant);
  line("features of ", name_of(network.config), " in f32");
  line("backbone ", checksum);
  line("preprocessing ", to_json(preprocessing));
  return key;
}

}  // namespace tl
