// What the ops check in common.
#pragma once

#include "engine/tensor.h"

namespace tl {

/// `other` is on x's device and has x's dtype.
inline void check_alike(const char* op, const Tensor& x, const char* name, const Tensor& other) {
  check(other.device() == x.device(), op, ": ", name, " is on ", other.device(), ", the input on ",
        x.device());
  check(other.dtype() == x.dtype(), op, ": ", name, " is ", other.dtype(), ", the input ",
        x.dtype());
}

inline void check_shape(const char* op, const char* name, const Tensor& x, const Shape& expected) {
  check(x.shape() == expected, op, ": ", name, " must have shape ", expected, ", got ", x.shape());
}

inline void check_float(const char* op, const Tensor& x) {
  check(x.dtype() == DType::f32 || x.dtype() == DType::f64, op, ": needs a float tensor, got ",
        x.dtype());
}

}  // namespace tl
