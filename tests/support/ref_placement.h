// Where networks compute the numbers that others are compared with.
#pragma once

#include "nn/module.h"

namespace tl::test {

inline constexpr Placement kRef{DType::f64, Device::ref};

}  // namespace tl::test
