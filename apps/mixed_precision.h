// What --amp asks for.
#pragma once

#include <string>

#include "engine/device.h"

namespace tl {

/// What a network's activations are, by "off" or "bf16". Throws where the device has no such.
inline DType activation_dtype(const std::string& amp, Device device) {
  if (amp == "off") return DType::f32;
  check(device != Device::cpu, "--amp bf16: the cpu computes in f32; ref, simt and cuda have bf16");
  return DType::bf16;
}

}  // namespace tl
