// How parameters start, as in PyTorch. All draw from `random` in the order of the tensor's
// elements.
#pragma once

#include "engine/random.h"
#include "nn/module.h"

namespace tl {

/// What a parameter connects: inputs of one output, and outputs that one input reaches.
struct Fans {
  double in = 0, out = 0;
};
/// Of a matrix [out, in], or of a filter [c_out, kh, kw, c_in / groups]: in = kh kw c_in / groups,
/// out = kh kw c_out (as PyTorch counts it: groups are ignored). Throws for other ranks.
Fans fans_of(const Shape& shape);

/// Uniform in [-bound, bound).
Tensor uniform_tensor(const Shape& shape, double bound, Generator& random, Placement where);
/// Normal with mean 0.
Tensor normal_tensor(const Shape& shape, double deviation, Generator& random, Placement where);

/// Normal with variance 2 / fan_out: keeps the size of gradients through ReLUs. torchvision's
/// ResNets. Source: He et al., "Delving Deep into Rectifiers", 2015, eq. 14.
Tensor kaiming_normal_fan_out(const Shape& shape, Generator& random, Placement where);

/// Uniform with variance 2 / ((1 + slope^2) fan_in), so in +-sqrt(6 / ((1 + slope^2) fan_in)); the
/// source's eq. 10 for a leaky ReLU of that slope. PyTorch starts Linear and Conv2d with a slope of
/// sqrt(5), which is +-1 / sqrt(fan_in).
Tensor kaiming_uniform(const Shape& shape, double slope, Generator& random, Placement where);

/// Variance 2 / (fan_in + fan_out). Source: Glorot and Bengio, "Understanding the difficulty of
/// training deep feedforward neural networks", 2010, eq. 16.
Tensor xavier_uniform(const Shape& shape, Generator& random, Placement where);
Tensor xavier_normal(const Shape& shape, Generator& random, Placement where);

}  // namespace tl
