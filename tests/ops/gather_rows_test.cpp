// gather_rows: which rows, gradients, devices, errors.
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;
using Index = std::vector<std::int32_t>;

Tensor index_on(const Index& index, Device device) {
  return Tensor::from(index, {static_cast<std::int64_t>(index.size())}, DType::i32, device);
}

OpCase gather_case(const Shape& shape, const Index& index, bool integers) {
  Random random(3);
  return {
      .name = concat(shape, ", ", index.size(), " rows"),
      .inputs = {{shape, integers ? random.integer_vector(shape.size(), 1, 99)
                                  : random.uniform_vector(shape.size())}},
      .op = [index](const auto& x) { return gather_rows(x[0], index_on(index, x[0].device())); },
      .y_terms = 1,
      .gradient_terms = {static_cast<double>(index.size())}};
}

std::vector<OpCase> gather_cases(bool integers) {
  Index many(200);
  Random random(5);
  for (auto& row : many) row = static_cast<std::int32_t>(random.integer(0, 16));
  return {gather_case({4}, {3, 0, 3, 3}, integers), gather_case({5, 3}, {0, 4, 2, 4}, integers),
          gather_case({1, 2, 3}, {0}, integers), gather_case({17, 13}, many, integers)};
}

TEST_CASE("gather_rows: gradient") { check_gradients("gather_rows", gather_cases(false)); }

TEST_CASE("gather_rows: every device") {
  check_devices("gather_rows", gather_cases(false));
  check_bf16("gather_rows", gather_cases(false));
  check_exact_on_devices("gather_rows", gather_cases(true));
}

TEST_CASE("gather_rows: by hand, any dtype") {
  EveryDevice every("gather_rows");
  every.run([](Device device) {
    const Tensor index = index_on({2, 0, 2}, device);
    for (const DType dtype : {DType::f32, DType::i32, DType::u8}) {
      const Tensor x = Tensor::from(Values{1, 2, 3, 4, 5, 6}, {3, 2}, dtype, device);
      const Tensor y = gather_rows(x, index);
      CHECK(y.dtype() == dtype);
      CHECK(y.shape() == Shape{3, 2});
      CHECK(y.to_vector<double>() == Values{5, 6, 1, 2, 5, 6});
    }
    const Tensor x = zeros({4, 1}, DType::f32, device).set_requires_grad();
    backward(gather_rows(x, index), Tensor::from(Values{1, 10, 100}, {3, 1}, DType::f32, device));
    CHECK(x.grad().to_vector<double>() == Values{10, 0, 101, 0});
  });
}

TEST_CASE("gather_rows: backward notices that the index was overwritten") {
  const Tensor x = zeros({4, 1}).set_requires_grad();
  const Tensor index = index_on({2, 0}, Device::ref);
  const Tensor y = gather_rows(x, index);
  index.copy_from(index_on({1, 1}, Device::ref));
  CHECK_ERROR(backward(y, zeros({2, 1})),
              "gather_rows: a tensor that backward needs was overwritten after the forward pass");
}

TEST_CASE("gather_rows: empty, errors") {
  const Tensor x = zeros({3, 2}).set_requires_grad();
  const Tensor none = gather_rows(x, index_on({}, Device::ref));
  CHECK(none.shape() == Shape{0, 2});
  backward(none, zeros({0, 2}));
  CHECK(x.grad().to_vector<double>() == Values(6, 0));
  CHECK(gather_rows(zeros({3, 0}), index_on({1}, Device::ref)).shape() == Shape{1, 0});
  CHECK_ERROR(gather_rows(x, index_on({0, 3}, Device::ref)),
              "gather_rows: index 3 is not one of 3 rows");
  CHECK_ERROR(gather_rows(x, index_on({-1}, Device::ref)),
              "gather_rows: index -1 is not one of 3 rows");
  CHECK_ERROR(gather_rows(zeros({0, 2}), index_on({0}, Device::ref)),
              "gather_rows: index 0 is not one of 0 rows");
  CHECK_ERROR(gather_rows(x, zeros({2})), "gather_rows: index must be i32 [n], got f64 [2]");
  CHECK_ERROR(gather_rows(x, zeros({2, 1}, DType::i32)),
              "gather_rows: index must be i32 [n], got i32 [2, 1]");
  CHECK_ERROR(gather_rows(x, index_on({0}, Device::cpu)),
              "gather_rows: index is on cpu, the input on ref");
  CHECK_ERROR(gather_rows(zeros({}), index_on({0}, Device::ref)),
              "gather_rows: needs a tensor of rows, got []");
}

}  // namespace
}  // namespace tl::test
