// global_average_pool: gradient, devices, exact values, errors.
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

OpCase global_pool_case(const Shape& shape, bool integers = false) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  const std::vector<double> x =
      integers ? random.integer_vector(shape.size(), 1, 9) : random.uniform_vector(shape.size());
  return {.name = concat(shape),
          .inputs = {{shape, x}},
          .op = [](const auto& in) { return global_average_pool(in[0]); },
          .y_terms = static_cast<double>(shape[1] + shape[2]),
          .gradient_terms = {1}};
}

std::vector<OpCase> small_global_pool_cases() {
  return {global_pool_case({1, 1, 1, 1}), global_pool_case({2, 1, 5, 3}),
          global_pool_case({1, 7, 1, 2}), global_pool_case({3, 3, 3, 3}),
          global_pool_case({2, 4, 3, 17})};
}

TEST_CASE("global_average_pool: gradient") {
  check_gradients("global_average_pool", small_global_pool_cases());
}

TEST_CASE("global_average_pool: every device") {
  std::vector<OpCase> cases = small_global_pool_cases();
  cases.push_back(global_pool_case({2, 7, 7, 512}));
  cases.push_back(global_pool_case({1, 33, 31, 5}));
  check_devices("global_average_pool", cases);
  check_bf16("global_average_pool", cases);
  // A power of two of pixels: every mean and every share is exact.
  check_exact_on_devices("global_average_pool", {global_pool_case({3, 2, 4, 5}, true),
                                                 global_pool_case({2, 16, 8, 33}, true),
                                                 global_pool_case({1, 1, 1, 3}, true)});
}

TEST_CASE("global_average_pool: a gradient that nobody wants is not computed") {
  Backend without_backward = backend(Device::ref);
  without_backward.global_average_pool.backward = nullptr;
  ScopedBackend scoped(Device::ref, without_backward);
  const Tensor scale = Tensor::full({1, 1}, 2, DType::f64, Device::ref).set_requires_grad();
  backward(add(global_average_pool(zeros({1, 2, 2, 1})), scale));
  CHECK(scale.grad().item() == 1);
}

TEST_CASE("global_average_pool: empty, errors") {
  CHECK(global_average_pool(zeros({0, 2, 3, 4})).shape() == Shape{0, 4});
  CHECK(global_average_pool(zeros({2, 2, 3, 0})).shape() == Shape{2, 0});
  CHECK_ERROR(global_average_pool(zeros({2, 3, 4})),
              "global_average_pool: needs x [n, h > 0, w > 0, c], got [2, 3, 4]");
  CHECK_ERROR(global_average_pool(zeros({2, 0, 3, 4})),
              "global_average_pool: needs x [n, h > 0, w > 0, c], got [2, 0, 3, 4]");
  CHECK_ERROR(global_average_pool(zeros({2, 3, 0, 4})),
              "global_average_pool: needs x [n, h > 0, w > 0, c], got [2, 3, 0, 4]");
  CHECK_ERROR(global_average_pool(zeros({1, 2, 2, 1}, DType::u8)),
              "global_average_pool: needs a float tensor, got u8");
}

}  // namespace
}  // namespace tl::test
