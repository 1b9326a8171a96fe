// matmul: gradients, devices, which gradients are computed, errors.
#include "tests/support/count_calls.h"
#include "tests/support/op_case_bf16.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

OpCase matmul_case(const Shape& a, const Shape& b, bool integers = false) {
  Random random(static_cast<std::uint64_t>(a.size() * 101 + b.size()));
  const auto input = [&](const Shape& shape) {
    return Input{shape, integers ? random.integer_vector(shape.size(), -2, 3)
                                 : random.uniform_vector(shape.size())};
  };
  // A shared b is reached from every row of every matrix.
  const std::int64_t rows = b.rank() == 2 ? a.size() / std::max<std::int64_t>(1, a[-1]) : a[-2];
  return {.name = concat(a, " x ", b),
          .inputs = {input(a), input(b)},
          .op = [](const auto& x) { return matmul(x[0], x[1]); },
          .y_terms = static_cast<double>(a[-1]),
          .gradient_terms = {static_cast<double>(b[-1]), static_cast<double>(rows)}};
}

std::vector<OpCase> small_matmul_cases() {
  return {matmul_case({1, 1}, {1, 1}),       matmul_case({3, 5}, {5, 7}),
          matmul_case({2, 3, 4}, {2, 4, 5}), matmul_case({2, 3, 1, 4}, {2, 3, 4, 2}),
          matmul_case({2, 3, 4}, {4, 5}),    matmul_case({2, 2, 3, 4}, {4, 1}),
          matmul_case({1, 3, 3}, {1, 3, 3})};
}

TEST_CASE("matmul: gradient") { check_gradients("matmul", small_matmul_cases()); }

TEST_CASE("matmul: every device") {
  std::vector<OpCase> cases = small_matmul_cases();
  cases.push_back(matmul_case({33, 65}, {65, 17}));
  cases.push_back(matmul_case({7, 17, 40}, {7, 40, 33}));
  cases.push_back(matmul_case({2, 130, 257}, {2, 257, 131}));
  cases.push_back(matmul_case({5, 1, 70}, {5, 70, 1}));
  cases.push_back(matmul_case({3, 17, 19}, {19, 31}));
  check_devices("matmul", cases);
  check_bf16("matmul", cases);
  check_exact_on_devices("matmul", {matmul_case({3, 13, 37}, {3, 37, 19}, true),
                                    matmul_case({3, 13, 37}, {37, 19}, true)});
}

TEST_CASE("matmul: by hand") {
  EveryDevice every("matmul");
  every.run([](Device device) {
    const Tensor a = Tensor::from(Values{1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2}, DType::f32, device);
    const Tensor b =
        Tensor::from(Values{1, 10, 100, 1000, 0, 1, 1, 0}, {2, 2, 2}, DType::f32, device);
    const Tensor y = matmul(a, b);
    CHECK(y.to_vector<double>() == Values{201, 2010, 403, 4030, 6, 5, 8, 7});
    const Tensor shared = matmul(a, Tensor::from(Values{1, 10}, {2, 1}, DType::f32, device));
    CHECK(shared.shape() == Shape{2, 2, 1});
    CHECK(shared.to_vector<double>() == Values{21, 43, 65, 87});
  });
}

TEST_CASE("matmul: only the gradients that are wanted are computed, from what is kept for them") {
  CountGemm gemm;
  for (int wanted = 1; wanted < 4; ++wanted) {
    const bool da = wanted & 1, db = wanted & 2;
    INFO("da ", da, ", db ", db);
    // Sums: the tape holds the ops that made them, not the tensors themselves.
    const Tensor a0 = zeros({2, 4, 3}).set_requires_grad(da), a = add(a0, a0);
    const Tensor b0 = zeros({2, 3, 5}).set_requires_grad(db), b = add(b0, b0);
    const Tensor y = matmul(a, b);
    CHECK(a.shares_storage() == db);
    CHECK(b.shares_storage() == da);
    gemm.reset();
    backward(y, zeros({2, 4, 5}));
    CHECK(gemm.calls() == da + db);
    CHECK(static_cast<bool>(a0.grad()) == da);
    CHECK(static_cast<bool>(b0.grad()) == db);
  }
}

TEST_CASE("matmul: empty, errors") {
  CHECK(matmul(zeros({0, 3}), zeros({3, 4})).shape() == Shape{0, 4});
  CHECK(matmul(zeros({0, 2, 3}), zeros({0, 3, 4})).shape() == Shape{0, 2, 4});
  CHECK(matmul(zeros({2, 0}), zeros({0, 2})).to_vector<double>() == Values(4, 0));
  const Tensor a = zeros({0, 3}).set_requires_grad(), b = zeros({3, 4}).set_requires_grad();
  backward(matmul(a, b), zeros({0, 4}));
  CHECK(b.grad().to_vector<double>() == Values(12, 0));
  const auto needs = [](const char* got) {
    return concat("matmul: needs a [..., m, k] and b [..., k, n] or [k, n], got ", got);
  };
  CHECK_ERROR(matmul(zeros({2, 3}), zeros({2, 3})), needs("[2, 3] and [2, 3]").c_str());
  CHECK_ERROR(matmul(zeros({3}), zeros({3, 2})), needs("[3] and [3, 2]").c_str());
  CHECK_ERROR(matmul(zeros({2, 3}), zeros({3})), needs("[2, 3] and [3]").c_str());
  CHECK_ERROR(matmul(zeros({2, 2, 3}), zeros({3, 3, 2})), needs("[2, 2, 3] and [3, 3, 2]").c_str());
  CHECK_ERROR(matmul(zeros({2, 3}), zeros({1, 3, 2})), needs("[2, 3] and [1, 3, 2]").c_str());
  CHECK_ERROR(matmul(zeros({2, 3}), zeros({3, 2}, DType::f32)), "matmul: b is f32, the input f64");
  CHECK_ERROR(matmul(zeros({2, 3}), zeros({3, 2}, DType::f64, Device::cpu)),
              "matmul: b is on cpu, the input on ref");
  CHECK_ERROR(matmul(zeros({2, 3}, DType::i32), zeros({3, 2}, DType::i32)),
              "matmul: needs a float tensor, got i32");
}

}  // namespace
}  // namespace tl::test
