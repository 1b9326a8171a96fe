// What the error checks of the op tests need.
#pragma once

#include <doctest/doctest.h>

#include "engine/tensor.h"

/// The expression throws tl::Error with exactly this text.
#define CHECK_ERROR(expression, text) \
  CHECK_THROWS_WITH_AS(static_cast<void>(expression), text, ::tl::Error)

namespace tl::test {

inline Tensor zeros(const Shape& shape, DType dtype = DType::f64, Device device = Device::ref) {
  return Tensor::zeros(shape, dtype, device);
}

}  // namespace tl::test
