// adaptive_average_pool2d: gradient, devices, errors. Where windows lie is tested with the kernel.
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

OpCase adaptive_pool_case(const Shape& shape, Extent2 out, bool integers = false) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  const std::vector<double> x =
      integers ? random.integer_vector(shape.size(), 1, 9) : random.uniform_vector(shape.size());
  // Neighbouring windows share at most one element where there are fewer of them than elements.
  const double windows = static_cast<double>((out.h / shape[1] + 2) * (out.w / shape[2] + 2));
  return {.name = concat(shape, " to ", out),
          .inputs = {{shape, x}},
          .op = [out](const auto& in) { return adaptive_average_pool2d(in[0], out); },
          .y_terms = static_cast<double>(shape[1] / out.h + shape[2] / out.w + 2),
          .gradient_terms = {windows}};
}

std::vector<OpCase> small_adaptive_pool_cases() {
  return {adaptive_pool_case({1, 1, 1, 1}, 1),       adaptive_pool_case({2, 4, 6, 3}, {2, 3}),
          adaptive_pool_case({1, 7, 5, 2}, {3, 2}),  adaptive_pool_case({2, 5, 5, 5}, 5),
          adaptive_pool_case({1, 3, 4, 17}, {5, 1}), adaptive_pool_case({1, 2, 3, 2}, {3, 7})};
}

TEST_CASE("adaptive_average_pool2d: gradient") {
  check_gradients("adaptive_average_pool2d", small_adaptive_pool_cases());
}

TEST_CASE("adaptive_average_pool2d: every device") {
  std::vector<OpCase> cases = small_adaptive_pool_cases();
  cases.push_back(adaptive_pool_case({2, 13, 11, 64}, 6));
  check_devices("adaptive_average_pool2d", cases);
  check_bf16("adaptive_average_pool2d", cases);
  check_exact_on_devices("adaptive_average_pool2d",
                         {adaptive_pool_case({2, 8, 4, 5}, {4, 2}, true),
                          adaptive_pool_case({1, 16, 8, 33}, {2, 4}, true)});
}

TEST_CASE("adaptive_average_pool2d: to one pixel it is the global average") {
  const Tensor x =
      Tensor::from(Random(1).uniform_vector(2 * 5 * 7 * 3), {2, 5, 7, 3}, DType::f64, Device::ref);
  CHECK(adaptive_average_pool2d(x, 1).to_vector<double>() ==
        global_average_pool(x).to_vector<double>());
}

TEST_CASE("adaptive_average_pool2d: empty, errors") {
  CHECK(adaptive_average_pool2d(zeros({0, 4, 4, 2}), {3, 2}).shape() == Shape{0, 3, 2, 2});
  CHECK_ERROR(adaptive_average_pool2d(zeros({4, 4, 2}), 1),
              "adaptive_average_pool2d: needs x [n, h > 0, w > 0, c], got [4, 4, 2]");
  CHECK_ERROR(adaptive_average_pool2d(zeros({1, 0, 4, 2}), 1),
              "adaptive_average_pool2d: needs x [n, h > 0, w > 0, c], got [1, 0, 4, 2]");
  CHECK_ERROR(adaptive_average_pool2d(zeros({1, 4, 4, 2}), {2, 0}),
              "adaptive_average_pool2d: the result must be at least 1 high and wide, got 2x0");
  CHECK_ERROR(adaptive_average_pool2d(zeros({1, 4, 4, 2}), std::int64_t{1} << 40),
              "adaptive_average_pool2d: 1099511627776 is more than an extent or option may be, "
              "2^31 - 1");
  CHECK_ERROR(adaptive_average_pool2d(zeros({1, 4, 4, 2}, DType::u8), 1),
              "adaptive_average_pool2d: needs a float tensor, got u8");
}

}  // namespace
}  // namespace tl::test
