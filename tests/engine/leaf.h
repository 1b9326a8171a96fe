// Vectors in f64 on `ref`, as the tests of the tape begin with them.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace tl::test {

inline Tensor constant(const std::vector<double>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())}, DType::f64, Device::ref);
}
inline Tensor leaf(const std::vector<double>& values) {
  return constant(values).set_requires_grad();
}

}  // namespace tl::test
