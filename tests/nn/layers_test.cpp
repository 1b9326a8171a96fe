// Layers: how they start, and that they hand their parameters to the right op.
#include "nn/layers.h"

#include <cmath>

#include "nn/init.h"
#include "tests/support/compare.h"
#include "tests/support/op_errors.h"
#include "tests/support/random_state.h"
#include "tests/support/ref_placement.h"

namespace tl::test {
namespace {

struct Moments {
  double mean = 0, variance = 0, largest = 0;
};
Moments moments(const Tensor& x) {
  Moments m;
  const auto values = x.to_vector<double>();
  const double n = static_cast<double>(values.size());
  for (const double v : values) m.mean += v / n;
  for (const double v : values) {
    m.variance += (v - m.mean) * (v - m.mean) / n;
    m.largest = std::max(m.largest, std::abs(v));
  }
  return m;
}

TEST_CASE("layers: a linear layer starts uniform in +-1 / sqrt(in)") {
  Generator random(1);
  const Linear layer(400, 250, random, kRef);
  CHECK(layer.weight.shape() == Shape{250, 400});
  CHECK(layer.bias.shape() == Shape{250});
  const double bound = 0.05;  // 1 / sqrt(400)
  for (const Tensor& x : {layer.weight, layer.bias}) {
    const Moments m = moments(x);
    const double n = static_cast<double>(x.size());
    CHECK(m.largest <= bound);
    CHECK(m.largest > 0.97 * bound);
    // 5 standard deviations of the estimates; a uniform variable has variance bound^2 / 3 and
    // fourth moment bound^4 / 5.
    CHECK(std::abs(m.mean) < 5 * bound / std::sqrt(3 * n));
    CHECK(std::abs(m.variance / (bound * bound / 3) - 1) < 5 * std::sqrt(0.8 / n));
  }
}

TEST_CASE("layers: without inputs a linear layer starts, and answers, with 0") {
  Generator random(3);
  Linear layer(0, 3, random, kRef);
  CHECK(layer.bias.to_vector<double>() == std::vector<double>{0, 0, 0});
  CHECK(layer(zeros({2, 0})).to_vector<double>() == std::vector<double>(6, 0));
}

TEST_CASE("layers: groups that do not divide the channels") {
  Generator random(3);
  const auto make = [&](std::int64_t c_in, std::int64_t c_out, std::int64_t groups) {
    const Conv2d layer(c_in, c_out, 1, {.groups = groups}, random, kRef);
  };
  CHECK_ERROR(make(4, 4, 0), "conv2d: 4 to 4 channels cannot be cut into 0 groups");
  CHECK_ERROR(make(5, 4, 2), "conv2d: 5 to 4 channels cannot be cut into 2 groups");
  CHECK_ERROR(make(4, 5, 2), "conv2d: 4 to 5 channels cannot be cut into 2 groups");
}

TEST_CASE("layers: a filter starts normal with variance 2 / (c_out * kh * kw)") {
  Generator random(2);
  const Conv2d layer(40, 64, 3, {}, random, kRef);
  CHECK(layer.weight.shape() == Shape{64, 3, 3, 40});
  const Moments m = moments(layer.weight);
  const double n = 64 * 9 * 40, variance = 2.0 / (64 * 9);
  CHECK(std::abs(m.mean) < 5 * std::sqrt(variance / n));
  CHECK(std::abs(m.variance / variance - 1) < 5 * std::sqrt(2 / n));
  CHECK(m.largest > 3 * std::sqrt(variance));  // no uniform distribution reaches that
  CHECK(Conv2d(4, 6, 5, {.groups = 2}, random, kRef).weight.shape() == Shape{6, 5, 5, 2});
  CHECK(!layer.bias);
}

TEST_CASE("layers: a convolution that stands alone starts as PyTorch's, with a bias") {
  Generator random(2);
  const Conv2d layer(40, 600, 3, {.groups = 2}, random, kRef, ConvStart::alone);
  CHECK(layer.weight.shape() == Shape{600, 3, 3, 20});
  REQUIRE(layer.bias);
  CHECK(layer.bias.shape() == Shape{600});
  const double bound = 1 / std::sqrt(9 * 20);
  for (const Tensor& x : {layer.weight, layer.bias}) {
    const Moments m = moments(x);
    const double n = static_cast<double>(x.size());
    CHECK(m.largest <= bound);
    CHECK(m.largest > 0.97 * bound);
    CHECK(std::abs(m.variance / (bound * bound / 3) - 1) < 5 * std::sqrt(0.8 / n));
  }
  std::vector<std::string> names;
  for (const NamedTensor& p : layer.parameters()) names.push_back(p.name);
  CHECK(names == std::vector<std::string>{"weight", "bias"});
}

TEST_CASE("layers: a frozen batch norm does what it does in evaluation") {
  BatchNorm2d norm(2, kRef);
  randomize_state(norm, 3);
  Random values(4);
  const Tensor x = Tensor::from(values.uniform_vector(24), {2, 3, 2, 2}, DType::f64, Device::ref);
  norm.eval();
  const auto expected = norm(x).to_vector<double>();
  const auto mean = norm.tensors.running_mean.to_vector<double>();
  const auto var = norm.tensors.running_var.to_vector<double>();
  norm.train();
  norm.set_requires_grad(false);
  CHECK(norm.is_frozen());
  CHECK(norm(x).to_vector<double>() == expected);
  CHECK(norm.tensors.running_mean.to_vector<double>() == mean);
  CHECK(norm.tensors.running_var.to_vector<double>() == var);
  // One of the two wants a gradient: not frozen.
  for (const Tensor& t : {norm.tensors.gamma, norm.tensors.beta}) {
    norm.set_requires_grad(false);
    t.set_requires_grad();
    CHECK(!norm.is_frozen());
    CHECK(norm(x).to_vector<double>() != expected);
  }
}

TEST_CASE("layers: batch norm starts as the identity of the running statistics") {
  BatchNorm2d layer(3, kRef);
  const std::vector<double> ones(3, 1), none(3, 0);
  CHECK(layer.tensors.gamma.to_vector<double>() == ones);
  CHECK(layer.tensors.beta.to_vector<double>() == none);
  CHECK(layer.tensors.running_mean.to_vector<double>() == none);
  CHECK(layer.tensors.running_var.to_vector<double>() == ones);
  CHECK(layer.options.epsilon == 1e-5);
  CHECK(layer.options.momentum == 0.1);
}

TEST_CASE("layers: the same seed gives the same start on every device") {
  Generator a(5);
  const Linear reference(7, 3, a, {DType::f32, Device::ref});
  for (const Device device : devices()) {
    Generator b(5);
    const Linear layer(7, 3, b, {DType::f32, device});
    CHECK(layer.weight.device() == device);
    CHECK(layer.weight.to_vector<float>() == reference.weight.to_vector<float>());
    CHECK(layer.bias.to_vector<float>() == reference.bias.to_vector<float>());
  }
}

TEST_CASE("layers: each calls its op with its own parameters and options") {
  Generator random(3);
  Linear linear_layer(3, 2, random, kRef);
  Conv2d conv(2, 4, 3, {.stride = 2, .pad = 1}, random, kRef);
  BatchNorm2d norm(2, kRef, {.epsilon = 0.1, .momentum = 0.3});
  randomize_state(linear_layer, 1);
  randomize_state(conv, 2);
  randomize_state(norm, 3);
  Random values(4);
  const auto input = [&](const Shape& shape) {
    return Tensor::from(values.uniform_vector(shape.size()), shape, DType::f64, Device::ref);
  };
  const auto same = [](const Tensor& a, const Tensor& b) {
    CHECK(a.shape() == b.shape());
    CHECK(a.to_vector<double>() == b.to_vector<double>());
  };
  const Tensor rows = input({5, 3}), pictures = input({2, 5, 4, 2});
  same(linear_layer(rows), linear(rows, linear_layer.weight, linear_layer.bias));
  same(conv(pictures), conv2d(pictures, conv.weight, {}, {.stride = 2, .pad = 1}));
  Conv2d biased(2, 4, 3, {.groups = 2}, random, kRef, ConvStart::alone);
  same(biased(pictures), conv2d(pictures, biased.weight, biased.bias, {.groups = 2}));
  const MaxPool2dOptions max_options{.kernel = 3, .stride = 2, .pad = 1};
  const AveragePool2dOptions average_options{.kernel = 2, .stride = 1};
  same(Relu()(pictures), relu(pictures));
  same(MaxPool2d(max_options)(pictures), max_pool2d(pictures, max_options));
  same(AveragePool2d(average_options)(pictures), average_pool2d(pictures, average_options));
  same(GlobalAveragePool()(pictures), global_average_pool(pictures));

  norm.eval();
  const auto mean = norm.tensors.running_mean.to_vector<double>();
  same(norm(pictures), batch_norm_eval(pictures, norm.tensors, norm.options));
  CHECK(norm.tensors.running_mean.to_vector<double>() == mean);  // evaluation moves nothing
  norm.train();
  BatchNormTensors copy = norm.tensors;
  copy.running_mean = copy.running_mean.clone();
  copy.running_var = copy.running_var.clone();
  same(norm(pictures), batch_norm_train(pictures, copy, norm.options));
  same(norm.tensors.running_mean, copy.running_mean);
  same(norm.tensors.running_var, copy.running_var);
  CHECK(norm.tensors.running_mean.to_vector<double>() != mean);
}

TEST_CASE("layers: dropout draws anew each time, and not in evaluation") {
  Generator random(3), same_seed(3);
  Dropout a(0.5, random), b(0.5, random), again(0.5, same_seed);
  const Tensor x = Tensor::full({100}, 1, DType::f64, Device::ref);
  const auto first = a(x).to_vector<double>(), second = a(x).to_vector<double>();
  CHECK(norm(first) > 0);
  CHECK(first != second);
  CHECK(b(x).to_vector<double>() != first);
  CHECK(again(x).to_vector<double>() == first);
  for (const double y : first) CHECK((y == 0 || y == 2));
  a.eval();
  CHECK(a(x).to_vector<double>() == x.to_vector<double>());
}

TEST_CASE("layers: sequential applies its modules in order") {
  Generator random(3);
  Sequential modules;
  CHECK(modules.empty());
  Linear& first = modules.append<Linear>(3, 4, random, kRef);
  Linear& second = modules.append<Linear>(4, 2, random, kRef);
  CHECK(!modules.empty());
  const Tensor x = Tensor::full({2, 3}, 1, DType::f64, Device::ref);
  CHECK(modules(x).to_vector<double>() == second(first(x)).to_vector<double>());
  CHECK(Sequential()(x).impl() == x.impl());
}

}  // namespace
}  // namespace tl::test
