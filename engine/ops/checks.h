// What the ops check in common.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "engine/tensor.h"

namespace tl {

/// `other` is on x's device and has x's dtype.
inline void check_alike(const char* op, const Tensor& x, const char* name, const Tensor& other) {
  check(other.device() == x.device(), op, ": ", name, " is on ", other.device(), ", the input on ",
        x.device());
  check(other.dtype() == x.dtype(), op, ": ", name, " is ", other.dtype(), ", the input ",
        x.dtype());
}

/// `other` goes beside activations x: on their device, of their parameter_dtype.
inline void check_parameter(const char* op, const Tensor& x, const char* name,
                            const Tensor& other) {
  check(other.device() == x.device(), op, ": ", name, " is on ", other.device(), ", the input on ",
        x.device());
  const DType wanted = parameter_dtype(x.dtype());
  check(other.dtype() == wanted, op, ": ", name, " is ", other.dtype(), ", beside an input in ",
        x.dtype(), " it must be ", wanted);
}

inline void check_shape(const char* op, const char* name, const Tensor& x, const Shape& expected) {
  check(x.shape() == expected, op, ": ", name, " must have shape ", expected, ", got ", x.shape());
}

/// `axis` counted from the front; negative ones count from the end.
inline int checked_axis(const char* op, const Shape& shape, int axis) {
  const int counted = axis < 0 ? axis + shape.rank() : axis;
  check(counted >= 0 && counted < shape.rank(), op, ": ", shape, " has no axis ", axis);
  return counted;
}

inline void check_float(const char* op, const Tensor& x) {
  check(is_float(x.dtype()), op, ": needs a float tensor, got ", x.dtype());
}

/// Extents and options of windows: h + 2 * pad and dilation * kh must fit into an int64.
inline void check_extents(const char* op, std::initializer_list<std::int64_t> values) {
  for (const std::int64_t v : values) {
    check(v <= INT32_MAX, op, ": ", v, " is more than an extent or option may be, 2^31 - 1");
  }
}

}  // namespace tl
