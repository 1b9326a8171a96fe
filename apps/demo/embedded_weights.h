// The pretrained weights of the demo, inside the program.
#pragma once

#include <cstddef>
#include <span>

namespace tl {

/// The bytes of apps/demo/weights.h5, as they were when the program was built.
std::span<const std::byte> embedded_weights();

}  // namespace tl
