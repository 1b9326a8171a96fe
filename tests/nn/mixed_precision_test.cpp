// Mixed precision in the layers: bf16 activations beside f32 parameters.
#include <cmath>

#include "models/resnet.h"
#include "nn/optimizer.h"
#include "tests/support/bf16.h"
#include "tests/support/op_case.h"

namespace tl::test {
namespace {

using Values = std::vector<double>;

/// The devices that compute in bf16.
template <class F>
void on_bf16_devices(const char* what, const F& f) {
  EveryDevice every(what);
  every.run([&](Device device) {
    if (computes_bf16(backend(device))) f(device);
  });
}

Tensor numbers(const Shape& shape, DType dtype, Device device, std::uint64_t seed) {
  return Tensor::from(Random(seed).uniform_vector(shape.size()), shape, dtype, device);
}

TEST_CASE("mixed precision: a convolution's weight stays f32, its gradient is f32") {
  on_bf16_devices("conv2d", [](Device device) {
    Generator random(1);
    Conv2d conv(3, 5, 3, {.pad = 1}, random, {DType::f32, device}, ConvStart::alone);
    const Tensor x = numbers({2, 4, 5, 3}, DType::bf16, device, 2).set_requires_grad();
    const Tensor y = conv(x);
    CHECK(y.dtype() == DType::bf16);
    const Tensor rounded = cast(conv.weight.detached(), DType::bf16);
    CHECK(rounded.to_vector<double>() != conv.weight.to_vector<double>());
    const Tensor expected = conv2d(x, conv.weight, conv.bias, {.pad = 1}, rounded);
    CHECK(y.to_vector<double>() == expected.to_vector<double>());
    backward(y, numbers(y.shape(), DType::bf16, device, 3));
    CHECK(x.grad().dtype() == DType::bf16);
    CHECK(conv.weight.grad().dtype() == DType::f32);
    CHECK(conv.bias.grad().dtype() == DType::f32);
    // Not a bf16 gradient made wider: digits that bf16 does not have.
    CHECK(rounded_to_bf16(conv.weight.grad().to_vector<double>()) !=
          conv.weight.grad().to_vector<double>());
  });
}

/// Casts that a second forward pass makes after `change` was made to the layer's parameters.
template <class F>
int casts_after(Device device, const F& change) {
  Generator random(1);
  Conv2d conv(2, 4, 1, {}, random, {DType::f32, device});
  const Tensor x = numbers({1, 3, 3, 2}, DType::bf16, device, 2);
  const Tensor y = conv(x);
  backward(y, numbers(y.shape(), DType::bf16, device, 3));
  change(conv);
  int casts = 0;
  Tensor found;
  {
    Backend counting = backend(device);
    counting.memory.cast = [&casts, plain = counting.memory.cast](Stream stream, ConstView from,
                                                                  View to) {
      ++casts;
      plain(stream, from, to);
    };
    const ScopedBackend scope(device, counting);
    found = conv(x);
  }
  const Tensor rounded = cast(conv.weight.detached(), DType::bf16);
  CHECK(found.to_vector<double>() == conv2d(x, conv.weight, {}, {}, rounded).to_vector<double>());
  CHECK(found.to_vector<double>() != y.to_vector<double>());
  return casts;
}

TEST_CASE("mixed precision: the bf16 copy follows its parameter, whoever writes it") {
  on_bf16_devices("conv2d", [](Device device) {
    CHECK(casts_after(device, [&](Conv2d& conv) {
            conv.weight.copy_from(numbers(conv.weight.shape(), DType::f32, device, 9));
          }) == 1);
    // An optimizer has written it already.
    CHECK(casts_after(device, [](Conv2d& conv) { Sgd(conv.parameters(), 0.5).step(); }) == 0);
    CHECK(casts_after(device, [](Conv2d& conv) { Adam(conv.parameters(), 0.5).step(); }) == 0);
  });
}

TEST_CASE("mixed precision: a network's parameters, gradients and logits stay f32") {
  on_bf16_devices("resnet", [](Device device) {
    Generator random(1);
    ResNet network(
        ResNetConfig{.depths = {1, 1}, .width = 4, .classes = 3, .stem = ResNetStem::conv3}, random,
        {DType::f32, device});
    CHECK(network.activation_dtype == DType::f32);
    const Tensor x = numbers({2, 8, 8, 3}, DType::f32, device, 4);
    const auto exact = network(x).to_vector<double>();
    network.activation_dtype = DType::bf16;
    const Tensor logits = network(x);
    CHECK(logits.dtype() == DType::f32);
    const Values mixed = logits.to_vector<double>();
    // 8 layers, a dozen roundings each of which moves a number by at most 1/256.
    const double distance = relative_distance(mixed, exact);
    CHECK(distance > 0x1p-12);
    CHECK(distance < 12 * kBf16Rounding);
    backward(logits, numbers(logits.shape(), DType::f32, device, 5));
    for (const NamedTensor& p : network.state()) {
      CAPTURE(p.name);
      CHECK(p.tensor.dtype() == DType::f32);
      if (!p.tensor.requires_grad()) continue;
      REQUIRE(p.tensor.grad());
      CHECK(p.tensor.grad().dtype() == DType::f32);
      CHECK(std::isfinite(norm(p.tensor.grad().to_vector<double>())));
    }
  });
}

}  // namespace
}  // namespace tl::test
