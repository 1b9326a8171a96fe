// --variant SLOT=NAME: run a computation by one of its variants instead of the cheapest.
#pragma once

#include <memory>
#include <string>

#include "engine/device.h"

namespace tl {

/// While the result lives, "gemm=packed" or "conv2d=implicit_gemm" holds on `device`. A name that
/// only some passes have (forward, gradients) is forced in those; throws, listing the names, when
/// none has it.
std::unique_ptr<ScopedBackend> force_variant(Device device, const std::string& choice);

}  // namespace tl
