// What a kernel is called where people read it.
#pragma once

#include <string>

#include "kernels/error.h"
#include "kernels/observer.h"

namespace tl {

/// "conv2d.forward winograd_f4x4".
inline std::string kernel_name(const KernelCall& call) {
  return *call.variant ? concat(call.slot, " ", call.variant) : std::string(call.slot);
}

}  // namespace tl
