// Tensor: making, reading, views, copies, versions, flags, errors.
#include "engine/tensor.h"

#include <cmath>

#include "engine/ops.h"
#include "tests/support/op_errors.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

TEST_CASE("tensor: from and to_vector convert") {
  for (const Device device : devices()) {
    INFO(concat(device));
    const std::vector<float> values = {1, 2.5f, 3};
    const Tensor x = Tensor::from(values, {3}, DType::f64, device);
    CHECK(x.dtype() == DType::f64);
    CHECK(x.device() == device);
    CHECK(x.shape() == Shape{3});
    CHECK(x.size() == 3);
    CHECK(x.rank() == 1);
    CHECK(x.to_vector<double>() == Values{1, 2.5, 3});
    CHECK(x.to_vector<float>() == values);
    const Tensor bytes =
        Tensor::from(std::vector<std::uint8_t>{0, 7, 255}, {1, 3}, DType::i32, device);
    CHECK(bytes.to_vector<std::int32_t>() == std::vector<std::int32_t>{0, 7, 255});
    CHECK(bytes.to_vector<std::uint8_t>() == std::vector<std::uint8_t>{0, 7, 255});
    CHECK(Tensor::full({2, 2}, 3, DType::u8, device).to_vector<double>() == Values(4, 3));
    CHECK(Tensor::zeros({}, DType::f32, device).item() == 0);
  }
}

TEST_CASE("tensor: a number that an integer dtype cannot hold is refused") {
  const auto to_u8 = [](double value) {
    return Tensor::from(Values{value}, {1}, DType::u8, Device::ref).to_vector<double>()[0];
  };
  CHECK(to_u8(255.9) == 255);  // the fraction is dropped
  CHECK(to_u8(-0.9) == 0);
  CHECK_ERROR(to_u8(256), "tensor: 256 does not fit into u8");
  CHECK_ERROR(to_u8(-1), "tensor: -1 does not fit into u8");
  CHECK_ERROR(Tensor::from(std::vector<std::int32_t>{-1}, {1}, DType::u8, Device::ref),
              "tensor: -1 does not fit into u8");
  CHECK_ERROR(Tensor::full({1}, 1e20, DType::f32, Device::ref).to_vector<std::int32_t>(),
              "tensor: 1e+20 does not fit into i32");
  CHECK_ERROR(Tensor::full({1}, std::nan(""), DType::f64, Device::ref).to(Device::ref, DType::i32),
              "tensor: nan does not fit into i32");
  const double least = -2147483648.0;
  CHECK(Tensor::full({1}, least, DType::f32, Device::ref).to_vector<std::int32_t>()[0] == least);
}

TEST_CASE("tensor: full refuses a number that an integer dtype cannot hold, on every device") {
  for (const Device device : devices()) {
    INFO(concat(device));
    CHECK_ERROR(Tensor::full({2}, 256, DType::u8, device), "tensor: 256 does not fit into u8");
    CHECK_ERROR(Tensor::full({0}, -1, DType::u8, device), "tensor: -1 does not fit into u8");
    CHECK_ERROR(Tensor::full({2}, 1e20, DType::i32, device), "tensor: 1e+20 does not fit into i32");
    CHECK_ERROR(Tensor::full({2}, std::nan(""), DType::i32, device),
                "tensor: nan does not fit into i32");
    CHECK(Tensor::full({1}, 254.6, DType::u8, device).item() == 255);
  }
}

TEST_CASE("tensor: empty ones") {
  for (const Device device : devices()) {
    const Tensor x = Tensor::from(Values{}, {0, 3}, DType::f32, device);
    CHECK(x.size() == 0);
    CHECK(x.to_vector<double>().empty());
    CHECK(x.clone().shape() == Shape{0, 3});
    CHECK(Tensor::full({2, 0}, 1, DType::f32, device).rows(1, 2).shape() == Shape{1, 0});
    CHECK(x.rows(0, 0).shape() == Shape{0, 3});
    CHECK(x.viewed_as({5, 0}).to(Device::ref, DType::f64).shape() == Shape{5, 0});
  }
}

TEST_CASE("tensor: views share numbers and versions; clones do not") {
  const Tensor x = Tensor::from(Values{0, 1, 2, 3, 4, 5}, {3, 2}, DType::f64, Device::ref);
  const Tensor view = x.viewed_as({6}), row = x.rows(1, 3).rows(1, 2), copy = x.clone();
  CHECK(row.shape() == Shape{1, 2});
  CHECK(row.to_vector<double>() == Values{4, 5});
  CHECK(x.shares_storage());
  CHECK(!copy.shares_storage());
  const auto version = x.version();
  row.copy_from(Tensor::from(Values{8, 9}, {1, 2}, DType::f64, Device::ref));
  CHECK(view.to_vector<double>() == Values{0, 1, 2, 3, 8, 9});
  CHECK(copy.to_vector<double>() == Values{0, 1, 2, 3, 4, 5});
  CHECK(x.version() > version);
  CHECK(view.version() == x.version());
  const auto unchanged = x.version();
  x.to_vector<double>();
  x.readable();
  x.clone();
  CHECK(x.version() == unchanged);
  x.writable();
  CHECK(x.version() > unchanged);
}

TEST_CASE("tensor: shares_storage counts handles too") {
  Tensor x = zeros({2});
  CHECK(!x.shares_storage());
  {
    const Tensor other = x;
    CHECK(x.shares_storage());
  }
  CHECK(!x.shares_storage());
}

TEST_CASE("tensor: shared memory is kept, read where it is, and not written to") {
  auto numbers = std::make_shared<const std::vector<float>>(std::initializer_list<float>{1, 2, 3});
  const std::weak_ptr<const std::vector<float>> watched = numbers;
  const float* const data = numbers->data();
  {
    const Tensor x = Tensor::sharing({numbers, data}, {1, 3}, DType::f32);
    numbers.reset();
    CHECK(x.device() == Device::ref);
    CHECK(x.readable().data == data);
    CHECK(x.viewed_as({3}).to_vector<double>() == Values{1, 2, 3});
    CHECK_THROWS_WITH_AS(x.copy_from(Tensor::zeros_like(x)), doctest::Contains("to be read"),
                         Error);
    CHECK(x.to_vector<double>() == Values{1, 2, 3});
    const Tensor copy = x.clone();
    CHECK(copy.readable().data != data);
    CHECK(!watched.expired());
  }
  CHECK(watched.expired());
  CHECK(Tensor::sharing(nullptr, {0, 3}, DType::f32).size() == 0);
  CHECK_THROWS_WITH_AS(Tensor::sharing(nullptr, {3}, DType::f32), doctest::Contains("no values"),
                       Error);
}

TEST_CASE("tensor: to other devices and dtypes") {
  const Tensor x = Tensor::from(Values{1.5, -2, 1e-9}, {3}, DType::f64, Device::ref);
  CHECK(x.to(Device::ref, DType::f64).impl() == x.impl());
  for (const Device device : devices()) {
    const Tensor y = x.to(device, DType::f32);
    CHECK(y.device() == device);
    CHECK(y.dtype() == DType::f32);
    CHECK(y.to(Device::ref, DType::f64).to_vector<float>() == std::vector<float>{1.5f, -2, 1e-9f});
    const Tensor z = Tensor::zeros({3}, DType::f32, device);
    z.copy_from(Tensor::full({3}, 4, DType::f32, Device::ref));
    CHECK(z.to_vector<double>() == Values(3, 4));
    Tensor back = Tensor::zeros({3}, DType::f32, Device::ref);
    back.copy_from(y);
    CHECK(back.to_vector<float>() == x.to_vector<float>());
  }
}

TEST_CASE("tensor: requires_grad") {
  const Tensor x = zeros({2});
  CHECK(!x.requires_grad());
  CHECK(x.set_requires_grad().requires_grad());
  CHECK(!x.detached().requires_grad());
  const Tensor y = relu(x);
  CHECK(y.requires_grad());
  CHECK_ERROR(y.set_requires_grad(false),
              "set_requires_grad: only for leaves, not for the result of an op");
  CHECK_ERROR(zeros({2}, DType::i32).set_requires_grad(),
              "set_requires_grad: needs a float tensor, got i32");
  zeros({2}, DType::i32).set_requires_grad(false);
  CHECK(!x.set_requires_grad(false).requires_grad());
  CHECK(!relu(x).requires_grad());
}

TEST_CASE("tensor: what the tape does not record refuses a tensor that needs a gradient") {
  const Tensor leaf = zeros({2}).set_requires_grad();
  for (const Tensor& x : {leaf, relu(leaf)}) {
    const auto text = [](const char* function) {
      return concat(function,
                    ": is not recorded, and the tensor needs a gradient; call detached() first");
    };
    CHECK_ERROR(x.to(Device::ref, DType::f32), text("to").c_str());
    CHECK_ERROR(x.clone(), text("clone").c_str());
    CHECK_ERROR(x.rows(0, 1), text("rows").c_str());
    CHECK_ERROR(x.viewed_as({2, 1}), text("viewed_as").c_str());
    CHECK_ERROR(zeros({2}).copy_from(x), text("copy_from").c_str());
    CHECK(x.detached().clone().shape() == Shape{2});
    CHECK(!x.detached().rows(0, 1).viewed_as({}).requires_grad());
  }
}

TEST_CASE("tensor: overlapping rows are not copied") {
  const Tensor x = Tensor::from(Values{0, 1, 2, 3}, {4}, DType::f64, Device::ref);
  const char* text = "copy_from: source and destination overlap";
  CHECK_ERROR(x.rows(0, 3).copy_from(x.rows(1, 4)), text);
  CHECK_ERROR(x.rows(1, 4).copy_from(x.rows(0, 3)), text);
  CHECK_ERROR(x.copy_from(x), text);
  CHECK(x.to_vector<double>() == Values{0, 1, 2, 3});
  x.rows(0, 2).copy_from(x.rows(2, 4));
  CHECK(x.to_vector<double>() == Values{2, 3, 2, 3});
  x.rows(3, 4).copy_from(x.rows(0, 1));
  CHECK(x.to_vector<double>() == Values{2, 3, 2, 2});
}

TEST_CASE("tensor: gradients must fit") {
  const Tensor x = zeros({2});
  x.set_grad(zeros({2}));
  CHECK(x.grad());
  x.clear_grad();
  CHECK(!x.grad());
  CHECK_ERROR(x.set_grad(zeros({1, 2})), "set_grad: needs [2] f64 on ref, got [1, 2] f64 on ref");
  CHECK_ERROR(x.set_grad(zeros({2}, DType::f32)),
              "set_grad: needs [2] f64 on ref, got [2] f32 on ref");
  CHECK_ERROR(x.set_grad(zeros({2}, DType::f64, Device::cpu)),
              "set_grad: needs [2] f64 on ref, got [2] f64 on cpu");
}

TEST_CASE("tensor: errors") {
  const Tensor none, x = zeros({2, 3});
  CHECK(!none);
  CHECK(x);
  const char* unset = "tensor: used before it was given a value";
  CHECK_ERROR(none.shape(), unset);
  CHECK_ERROR(none.dtype(), unset);
  CHECK_ERROR(none.device(), unset);
  CHECK_ERROR(none.readable(), unset);
  CHECK_ERROR(none.writable(), unset);
  CHECK_ERROR(none.version(), unset);
  CHECK_ERROR(none.shares_storage(), unset);
  CHECK_ERROR(none.requires_grad(), unset);
  CHECK_ERROR(none.set_requires_grad(), unset);
  CHECK_ERROR(none.grad(), unset);
  CHECK_ERROR(none.clear_grad(), unset);
  CHECK_ERROR(none.detached(), unset);
  CHECK_ERROR(none.clone(), unset);
  CHECK_ERROR(none.to_vector<float>(), unset);
  CHECK_ERROR(none.to(Device::ref, DType::f32), unset);
  CHECK_ERROR(Tensor::from(Values{1, 2}, {3}, DType::f32, Device::ref),
              "tensor: shape [3] does not hold 2 values");
  CHECK_ERROR(Tensor::empty({std::int64_t{1} << 60}, DType::f64, Device::ref),
              "tensor: [1152921504606846976] f64 needs more than 2^62 bytes");
  CHECK_ERROR(x.item(), "item: needs one element, got shape [2, 3]");
  CHECK_ERROR(x.viewed_as({5}), "viewed_as: [2, 3] does not fit [5]");
  CHECK_ERROR(x.rows(1, 3), "rows: [1, 3) is not within [2, 3]");
  CHECK_ERROR(x.rows(-1, 1), "rows: [-1, 1) is not within [2, 3]");
  CHECK_ERROR(x.rows(2, 1), "rows: [2, 1) is not within [2, 3]");
  CHECK_ERROR(zeros({}).rows(0, 0), "rows: [0, 0) is not within []");
  CHECK_ERROR(x.copy_from(zeros({3, 2})), "copy_from: needs [2, 3] f64, got [3, 2] f64");
  CHECK_ERROR(x.copy_from(zeros({2, 3}, DType::f32)),
              "copy_from: needs [2, 3] f64, got [2, 3] f32");
}

}  // namespace
}  // namespace tl::test
