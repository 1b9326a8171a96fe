// check_bf16: an op in bf16, on every device that computes with it, against `ref` in f64. Both get
// the same numbers, rounded to bf16 first; what an OpCase marks as a parameter is f32.
#pragma once

#include "tests/support/bf16.h"
#include "tests/support/op_case.h"

namespace tl::test {

/// How often an element is rounded to bf16 on its way: once when it is stored, once more for each
/// result in between that the op, or its backward pass, stores and reads again.
struct Bf16Roundings {
  double y = 1, gradients = 1;
};

inline OpCase rounded_to_bf16(OpCase c) {
  for (Input& input : c.inputs) input.values = rounded_to_bf16(std::move(input.values));
  return c;
}

inline void check_bf16(const char* op, const std::vector<OpCase>& cases,
                       Bf16Roundings roundings = {}) {
  EveryDevice every(op);
  for (const OpCase& original : cases) {
    const OpCase c = rounded_to_bf16(original);
    INFO(concat(op, " in bf16, case ", c.name));
    const OpResult expected = run_case(c, DType::f64, Device::ref, Cotangent::bf16_values);
    every.run([&](Device device) {
      if (!computes_bf16(backend(device))) {
        CHECK_THROWS_WITH_AS(run_case(c, DType::bf16, device, Cotangent::bf16_values),
                             doctest::Contains("bf16"), Error);
        return;
      }
      const OpResult found = run_case(c, DType::bf16, device, Cotangent::bf16_values);
      check_close(found.y, expected.y, roundings.y * kBf16Rounding + f32_sum_bound(c.y_terms), "y");
      for (std::size_t i = 0; i < c.inputs.size(); ++i) {
        const double stored =
            i < c.first_parameter ? roundings.gradients : 0;  // the others are f32
        check_close(found.gradients[i], expected.gradients[i],
                    stored * kBf16Rounding + f32_sum_bound(c.gradient_terms[i]),
                    concat("gradient of input ", i));
      }
    });
  }
}

}  // namespace tl::test
