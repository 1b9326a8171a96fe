#include "apps/feature_key.h"

#include "apps/digest.h"
#include "io/shared_bytes.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/error.h"

namespace tl {
namespace {

/// Of the running program.
Digest digest_of_program() {
  constexpr const char* kProgram = "/proc/self/exe";
  try {
    return digest_of(read_shared_bytes(kProgram).span());
  } catch (const Error& error) {
    throw Error(concat(kProgram, ": ", error.what()));
  }
}

}  // namespace

std::string feature_key(const ResNet& network, const std::string& checksum,
                        const Preprocessing& preprocessing, Device device) {
  std::string key;
  const auto line = [&key](const auto&... parts) { key += concat(parts..., "\n"); };
  line("program ", to_text(digest_of_program()));
  line("device ", name_of(device));
  if (device == Device::cpu) line("simd ", cpu::simd_target_name());
  for (const auto& variant : backend(device).conv2d.forward.all()) line("conv2d ", variant.name);
  line("features of ", name_of(network.config), " in f32");
  line("backbone ", checksum);
  line("preprocessing ", to_json(preprocessing));
  return key;
}

}  // namespace tl
