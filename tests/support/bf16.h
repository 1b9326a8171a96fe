// What tests of bf16 storage share. The inputs are rounded first; the reference computes with the
// rounded ones in f64. So only the kernel's own f32 arithmetic and the one rounding of each stored
// element are left.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/backend.h"

namespace tl::test {

/// `cpu` refuses bf16 by name; all others compute with it.
inline bool computes_bf16(const Backend& b) { return std::string_view(b.name) != "cpu"; }

/// What activations on `b` may be of.
inline std::vector<DType> dtypes_of(const Backend& b) {
  if (computes_bf16(b)) return {DType::f32, DType::bf16};
  return {DType::f32};
}

inline std::vector<double> rounded_to_bf16(std::vector<double> values) {
  for (double& value : values) value = BFloat16(static_cast<float>(value));
  return values;
}

/// Storing an element in bf16 changes it by at most half a unit of its 8-bit significand.
inline constexpr double kBf16Rounding = 1.0 / 256;

}  // namespace tl::test
