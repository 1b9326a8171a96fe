// floats(): the f32 elements of a buffer, or an error that names the op.
#pragma once

#include "kernels/view.h"

namespace tl::cpu {

inline void check_f32(const char* op, DType dtype) {
  check(dtype == DType::f32, op, ": cpu needs f32, got ", dtype,
        dtype == DType::bf16 ? " (ref and cuda have bf16)" : " (ref has f64)");
}
inline const float* floats(const char* op, const ConstView& view) {
  check_f32(op, view.dtype);
  return static_cast<const float*>(view.data);
}
inline float* floats(const char* op, const View& view) {
  check_f32(op, view.dtype);
  return static_cast<float*>(view.data);
}

}  // namespace tl::cpu
