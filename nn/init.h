// How parameters start, as in PyTorch.
#pragma once

#include "engine/random.h"
#include "nn/module.h"

namespace tl {

/// Uniform in [-bound, bound).
Tensor uniform_tensor(const Shape& shape, double bound, Generator& random, Placement where);

/// Normal with mean 0 and variance 2 / fan_out, fan_out = c_out * kh * kw, for a filter
/// [c_out, kh, kw, c_in]. Source: He et al., "Delving Deep into Rectifiers", 2015, eq. 14.
Tensor kaiming_normal_fan_out(const Shape& shape, Generator& random, Placement where);

}  // namespace tl
