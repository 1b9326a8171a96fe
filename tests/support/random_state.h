// Random parameters and running statistics for a whole network.
#pragma once

#include <cmath>

#include "nn/module.h"
#include "tests/support/random.h"

namespace tl::test {

/// Filters and matrices of variance 2 / inputs, so that activations neither grow nor vanish;
/// batch norm's scale and variance in [0.5, 1.5), its shift and mean in +-0.5: none is 1 or 0,
/// which would hide faults. The same values for every device and dtype.
inline void randomize_state(const Module& module, std::uint64_t seed) {
  Random random(seed);
  for (const NamedTensor& s : module.state()) {
    const Shape& shape = s.tensor.shape();
    std::vector<double> values;
    if (shape.rank() > 1) {
      const double bound = std::sqrt(6.0 / static_cast<double>(shape.size() / shape[0]));
      values = random.uniform_vector(shape.size(), -bound, bound);
    } else if (s.name.ends_with("running_var") || s.name.ends_with("weight")) {
      values = random.uniform_vector(shape.size(), 0.5, 1.5);
    } else {
      values = random.uniform_vector(shape.size(), -0.5, 0.5);
    }
    s.tensor.copy_from(Tensor::from(values, shape, s.tensor.dtype(), s.tensor.device()));
  }
}

}  // namespace tl::test
