// cast: numbers, gradients between floats, refusals.
#include <cmath>

#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

TEST_CASE("cast: numbers, every dtype and device") {
  EveryDevice every("cast");
  every.run([](Device device) {
    for (const DType from : {DType::f32, DType::f64}) {
      const Tensor x = Tensor::from(Values{-1.5, 0.75, 2.5, 255.9, 1000}, {5, 1}, from, device);
      const Tensor u8 = cast(x, DType::u8), i32 = cast(x, DType::i32);
      CHECK(u8.to_vector<double>() == Values{0, 0, 2, 255, 255});
      CHECK(i32.to_vector<double>() == Values{-1, 0, 2, 255, 1000});
      CHECK(u8.shape() == Shape{5, 1});
      CHECK(u8.dtype() == DType::u8);
    }
    const Tensor bytes = Tensor::from(Values{0, 7, 255}, {3}, DType::u8, device);
    for (const DType to : {DType::f32, DType::f64, DType::i32}) {
      CHECK(cast(bytes, to).to_vector<double>() == Values{0, 7, 255});
      CHECK(cast(bytes, to).dtype() == to);
    }
    const Tensor nan = Tensor::full({2}, std::nan(""), DType::f32, device);
    CHECK(cast(nan, DType::i32).to_vector<double>() == Values{0, 0});
    CHECK(std::isnan(cast(nan, DType::f64).to_vector<double>()[1]));
  });
}

TEST_CASE("cast: the gradient comes back in the dtype of x") {
  EveryDevice every("cast");
  every.run([](Device device) {
    const Tensor x = Tensor::from(Values{0.1, 2}, {2}, DType::f64, device).set_requires_grad();
    const Tensor y = cast(x, DType::f32);
    CHECK(y.to_vector<double>() == Values{static_cast<double>(0.1f), 2});
    backward(y, Tensor::from(Values{3, 0.7}, {2}, DType::f32, device));
    CHECK(x.grad().dtype() == DType::f64);
    CHECK(x.grad().to_vector<double>() == Values{3, static_cast<double>(0.7f)});

    const Tensor narrow = Tensor::full({1}, 2, DType::f32, device).set_requires_grad();
    backward(cast(narrow, DType::f64), Tensor::full({1}, 0.1, DType::f64, device));
    CHECK(narrow.grad().dtype() == DType::f32);
    CHECK(narrow.grad().to_vector<double>() == Values{static_cast<double>(0.1f)});
  });
}

TEST_CASE("cast: to bf16 and back, and the gradient both ways") {
  EveryDevice every("cast");
  every.run([](Device device) {
    // Half way between two neighbours: to the even one.
    const Tensor x = Tensor::from(Values{1 + 0x1p-8, 1 + 0x3p-8, -3}, {3}, DType::f32, device);
    const Tensor y = cast(x.set_requires_grad(), DType::bf16);
    CHECK(y.dtype() == DType::bf16);
    CHECK(y.to_vector<double>() == Values{1, 1 + 0x4p-8, -3});
    backward(y, Tensor::from(Values{0.5, 1 + 0x1p-7, -7}, {3}, DType::bf16, device));
    CHECK(x.grad().dtype() == DType::f32);
    CHECK(x.grad().to_vector<double>() == Values{0.5, 1 + 0x1p-7, -7});

    const Tensor narrow = Tensor::from(Values{2, 0.5}, {2}, DType::bf16, device);
    const Tensor wide = cast(narrow.set_requires_grad(), DType::f32);
    CHECK(wide.to_vector<double>() == Values{2, 0.5});
    backward(wide, Tensor::from(Values{1 + 0x1p-9, 3}, {2}, DType::f32, device));
    CHECK(narrow.grad().dtype() == DType::bf16);
    CHECK(narrow.grad().to_vector<double>() == Values{1, 3});
  });
}

TEST_CASE("cast: to its own dtype a tensor is itself") {
  const Tensor x = zeros({3}).set_requires_grad();
  CHECK(cast(x, DType::f64).impl() == x.impl());
}

TEST_CASE("cast: no gradient passes an integer; empty") {
  const Tensor x = zeros({2}).set_requires_grad();
  CHECK_ERROR(cast(x, DType::i32), "cast: has no gradient, but an input needs one");
  CHECK_ERROR(cast(x, DType::u8), "cast: has no gradient, but an input needs one");
  CHECK(!cast(x.detached(), DType::i32).requires_grad());
  CHECK(!cast(zeros({2}, DType::i32), DType::f32).requires_grad());
  CHECK(cast(zeros({0, 3}), DType::f32).shape() == Shape{0, 3});
}

}  // namespace
}  // namespace tl::test
