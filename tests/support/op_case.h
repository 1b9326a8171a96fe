// OpCase: one call of an op on given inputs, and what every op's test does with its list of them.
// Read gradcheck.h first: check_gradients() holds the analytic gradients against numeric ones, on
// `ref` in f64. check_devices() then holds every device, `ref` in f32 included, against `ref` f64.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/ops.h"
#include "tests/support/bf16.h"
#include "tests/support/compare.h"
#include "tests/support/gradcheck.h"
#include "tests/support/is_tested.h"
#include "tests/support/random.h"

namespace tl::test {

struct OpCase {
  std::string name;
  std::vector<Input> inputs;
  /// Receives the inputs on the device and in the dtype under test.
  TensorFunction op;
  /// Terms of the longest sum behind one element of y, and of each input's gradient: what the
  /// bounds in f32 are derived from (f32_sum_bound).
  double y_terms = 1;
  std::vector<double> gradient_terms;
  /// Inputs from this one on are parameters: f32 beside bf16 activations.
  std::size_t first_parameter = SIZE_MAX;
};

/// What dy is made of: any numbers, small integers (for cases that are exact), numbers of bf16.
enum class Cotangent { any, integers, bf16_values };

/// y and the gradient of every input, for a cotangent that depends on the seed alone.
struct OpResult {
  std::vector<double> y;
  std::vector<std::vector<double>> gradients;
};

/// Leaves NaN in the blocks that the next tensors of these sizes are made from, so that an element
/// that a kernel does not write shows.
inline void poison_free_blocks(const std::vector<std::int64_t>& sizes, DType dtype, Device device) {
  std::vector<Tensor> held;
  for (const std::int64_t size : sizes) {
    for (int i = 0; i < 3; ++i) held.push_back(Tensor::full({size}, std::nan(""), dtype, device));
  }
}

inline OpResult run_case(const OpCase& c, DType dtype, Device device,
                         Cotangent cotangent = Cotangent::any) {
  std::vector<Tensor> x;
  for (const Input& input : c.inputs) {
    const DType own = x.size() >= c.first_parameter ? parameter_dtype(dtype) : dtype;
    x.push_back(Tensor::from(input.values, input.shape, own, device).set_requires_grad());
  }
  std::vector<std::int64_t> sizes;
  for (const Tensor& t : x) sizes.push_back(t.size());
  {
    NoGrad no_grad;
    sizes.push_back(c.op(x).size());
  }
  poison_free_blocks(sizes, dtype, device);

  const Tensor y = c.op(x);
  Random random(99);
  auto dy = cotangent == Cotangent::integers ? random.integer_vector(y.size(), 1, 3)
                                             : random.uniform_vector(y.size());
  if (cotangent == Cotangent::bf16_values) dy = rounded_to_bf16(std::move(dy));
  backward(y, Tensor::from(dy, y.shape(), y.dtype(), device));
  OpResult result{y.to_vector<double>(), {}};
  for (const Tensor& t : x) {
    REQUIRE(t.grad());
    result.gradients.push_back(t.grad().to_vector<double>());
  }
  return result;
}

/// Calls run(device) for every device of this build that is to be tested. One that has an empty
/// slot on the way is passed over, and the message says how many cases that were.
class EveryDevice {
 public:
  explicit EveryDevice(const char* op) : op_(op) {}
  ~EveryDevice() {
    if (skipped_ == 0) return;
    MESSAGE(concat(op_, ": ", skipped_, " cases skipped, kernels missing on ", where_));
  }
  EveryDevice(const EveryDevice&) = delete;
  EveryDevice& operator=(const EveryDevice&) = delete;

  template <class F>
  void run(const F& f) {
    for (const Device device : devices()) {
      if (!is_tested(name_of(device))) continue;
      INFO(concat("device ", device));
      try {
        f(device);
      } catch (const Error& e) {
        const std::string text = e.what();
        if (text.find("this backend has no kernel for it") == std::string::npos) throw;
        ++skipped_;
        const std::string entry = concat(device, " (", text.substr(0, text.find(':')), ") ");
        if (where_.find(entry) == std::string::npos) where_ += entry;
      }
    }
  }

 private:
  const char* op_;
  int skipped_ = 0;
  std::string where_;
};

/// Every device in f32 against `ref` in f64: y and all gradients, relative L2 distance.
inline void check_devices(const char* op, const std::vector<OpCase>& cases) {
  EveryDevice every(op);
  for (const OpCase& c : cases) {
    INFO(concat(op, ", case ", c.name));
    const OpResult expected = run_case(c, DType::f64, Device::ref);
    every.run([&](Device device) {
      const OpResult found = run_case(c, DType::f32, device);
      check_close(found.y, expected.y, f32_sum_bound(c.y_terms), "y");
      for (std::size_t i = 0; i < c.inputs.size(); ++i) {
        check_close(found.gradients[i], expected.gradients[i], f32_sum_bound(c.gradient_terms[i]),
                    concat("gradient of input ", i));
      }
    });
  }
}

/// For cases whose inputs are small integers and whose arithmetic is exact: every bit must agree.
inline void check_exact_on_devices(const char* op, const std::vector<OpCase>& cases) {
  EveryDevice every(op);
  for (const OpCase& c : cases) {
    INFO(concat(op, ", exact case ", c.name));
    const OpResult expected = run_case(c, DType::f64, Device::ref, Cotangent::integers);
    CHECK(norm(expected.y) > 0);
    for (const auto& gradient : expected.gradients) CHECK(norm(gradient) > 0);
    every.run([&](Device device) {
      const OpResult found = run_case(c, DType::f32, device, Cotangent::integers);
      CHECK(found.y == expected.y);
      CHECK(found.gradients == expected.gradients);
    });
  }
}

/// The numeric gradient of every input of every case.
inline void check_gradients(const char* op, const std::vector<OpCase>& cases) {
  for (const OpCase& c : cases) {
    INFO(concat(op, ", case ", c.name));
    check_gradients(c.inputs, c.op);
  }
}

}  // namespace tl::test
