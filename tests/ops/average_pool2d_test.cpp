// average_pool2d: gradient, devices, errors. Where windows lie is tested with the kernel.
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

OpCase average_pool_case(const Shape& shape, const AveragePool2dOptions& o, bool integers = false) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  const std::vector<double> x =
      integers ? random.integer_vector(shape.size(), 1, 9) : random.uniform_vector(shape.size());
  return {.name = concat(shape, ", kernel ", o.kernel, ", stride ", o.stride, ", pad ", o.pad,
                         o.ceil_mode ? ", ceil" : "", o.count_include_pad ? "" : ", without pad"),
          .inputs = {{shape, x}},
          .op = [o](const auto& in) { return average_pool2d(in[0], o); },
          .y_terms = static_cast<double>(o.kernel.h + o.kernel.w),
          .gradient_terms = {static_cast<double>(o.kernel.h * o.kernel.w)}};
}

std::vector<OpCase> small_average_pool_cases() {
  return {average_pool_case({1, 1, 1, 1}, {.kernel = 1}),
          average_pool_case({2, 4, 6, 3}, {}),
          average_pool_case({1, 7, 5, 2}, {.kernel = 3, .stride = 2, .pad = 1}),
          average_pool_case({1, 7, 5, 2},
                            {.kernel = 3, .stride = 2, .pad = 1, .count_include_pad = false}),
          average_pool_case({2, 5, 5, 5}, {.kernel = 3, .stride = 1, .pad = 1, .ceil_mode = true}),
          average_pool_case({1, 6, 7, 17}, {.kernel = 4, .stride = 3, .pad = 2, .ceil_mode = true}),
          average_pool_case({1, 5, 8, 2}, {.kernel = {2, 3},
                                           .stride = {3, 2},
                                           .pad = {1, 0},
                                           .ceil_mode = true,
                                           .count_include_pad = false})};
}

TEST_CASE("average_pool2d: gradient") {
  check_gradients("average_pool2d", small_average_pool_cases());
}

TEST_CASE("average_pool2d: every device") {
  std::vector<OpCase> cases = small_average_pool_cases();
  cases.push_back(average_pool_case({2, 15, 17, 64}, {.kernel = 3, .stride = 2, .pad = 1}));
  check_devices("average_pool2d", cases);
  check_bf16("average_pool2d", cases);
  // Every count is a power of two: means and shares are exact.
  check_exact_on_devices(
      "average_pool2d",
      {average_pool_case({2, 6, 9, 5}, {.kernel = {2, 4}, .stride = 1}, true),
       average_pool_case({1, 8, 8, 33}, {.kernel = 4, .stride = 2, .pad = 2}, true)});
}

TEST_CASE("average_pool2d: empty, errors") {
  CHECK(average_pool2d(zeros({0, 4, 4, 2}), {}).shape() == Shape{0, 2, 2, 2});
  CHECK_ERROR(average_pool2d(zeros({4, 4, 2}), {}),
              "average_pool2d: needs x [n, h > 0, w > 0, c], got [4, 4, 2]");
  CHECK_ERROR(average_pool2d(zeros({1, 4, 0, 2}), {.pad = 1, .count_include_pad = false}),
              "average_pool2d: needs x [n, h > 0, w > 0, c], got [1, 4, 0, 2]");
  CHECK_ERROR(average_pool2d(zeros({1, 4, 4, 2}), {.kernel = {3, 2}, .stride = 1, .pad = {1, 2}}),
              "average_pool2d: kernel 3x2, stride 1, pad 1x2: must be at least 1 (pad: 0 to half "
              "the kernel)");
  CHECK_ERROR(average_pool2d(zeros({1, 4, 4, 2}), {.kernel = 0}),
              "average_pool2d: kernel 0, stride 0, pad 0: must be at least 1 (pad: 0 to half the "
              "kernel)");
  CHECK_ERROR(average_pool2d(zeros({1, 4, 4, 2}), {.kernel = std::int64_t{1} << 40}),
              "average_pool2d: 1099511627776 is more than an extent or option may be, 2^31 - 1");
  CHECK_ERROR(average_pool2d(zeros({1, 2, 4, 2}), {.kernel = 3, .stride = 1}),
              "average_pool2d: x [1, 2, 4, 2] with pad 0 is smaller than the kernel 3");
  CHECK_ERROR(average_pool2d(zeros({1, 4, 4, 2}, DType::u8), {}),
              "average_pool2d: needs a float tensor, got u8");
}

}  // namespace
}  // namespace tl::test
