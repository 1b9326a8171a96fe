// ResNets: what their blocks and stages compute, and gradients of whole networks.
#include "models/resnet.h"

#include <numeric>

#include "tests/support/compare.h"
#include "tests/support/network_gradcheck.h"
#include "tests/support/op_errors.h"
#include "tests/support/random_state.h"
#include "tests/support/ref_placement.h"
#include "tests/support/resnet_forms.h"

namespace tl::test {
namespace {

TEST_CASE("resnet: a stage halves the picture, rounding up") {
  Generator random(1);
  ResNet model({.depths = {1, 1, 1, 1}, .width = 2, .classes = 3}, random, kRef);
  model.eval();
  for (const Shape& shape : {Shape{2, 64, 65, 3}, Shape{1, 1, 1, 3}, Shape{1, 7, 33, 3}}) {
    CHECK(model(zeros(shape)).shape() == Shape{shape[0], 3});
  }
  CHECK_THROWS_AS(model(zeros({1, 32, 32, 4})), Error);
}

TEST_CASE("resnet: where a bottleneck has its stride") {
  // Only channel 0 is passed on, and nothing by the shortcut. The 3x3 filter looks one pixel to the
  // right: of pixels 0 and 2 to 1 and 3; where the stride came before, from 0 to 2 and from 2
  // beyond the picture.
  for (const BottleneckStride where : {BottleneckStride::in_3x3, BottleneckStride::in_1x1}) {
    Generator random(1);
    Bottleneck block(
        {.c_in = 4, .width = 1, .stride = 2, .bottleneck_stride = where, .epsilon = 0.5625}, random,
        kRef);
    block.eval();
    for (const NamedTensor& p : block.parameters()) {
      if (p.tensor.rank() != 4) continue;
      std::vector<double> filter(static_cast<std::size_t>(p.tensor.size()), 0);
      if (p.name == "conv2.weight") {
        filter[5] = 1;  // [1, 3, 3, 1]: row 1, column 2
      } else if (p.name != "downsample.0.weight") {
        filter[0] = 1;
      }
      p.tensor.copy_from(Tensor::from(filter, p.tensor.shape(), DType::f64, Device::ref));
    }
    std::vector<double> values(4 * 4);  // one row of four pixels
    for (std::size_t pixel = 0; pixel < 4; ++pixel) values[4 * pixel] = 1 + double(pixel);
    const Tensor x = Tensor::from(values, {1, 1, 4, 4}, DType::f64, Device::ref);
    const double seen = where == BottleneckStride::in_3x3 ? 2 : 3;
    // Each of three batch norms divides by sqrt(1 + epsilon) = 1.25.
    check_close(
        block(x).to_vector<double>(),
        {seen / 1.953125, 0, 0, 0, (where == BottleneckStride::in_3x3 ? 4 : 0) / 1.953125, 0, 0, 0},
        1e-15, "y");
  }
}

TEST_CASE("resnet: an option D shortcut is the mean of every 2x2 pixels, of fewer at the border") {
  Generator random(1);
  // With the last gamma 0 and the identity for the 1x1 convolution, y = relu(mean / sqrt(1 + e)).
  BasicBlock block(
      {.c_in = 1, .width = 1, .stride = 2, .shortcut = ShortcutKind::option_d, .epsilon = 0.5625},
      random, kRef);
  block.eval();
  for (const NamedTensor& p : block.parameters()) {
    if (p.name == "bn2.weight") p.tensor.copy_from(zeros(p.tensor.shape()));
    if (p.name == "downsample.1.weight")
      p.tensor.copy_from(Tensor::full(p.tensor.shape(), 1.25, DType::f64, Device::ref));
  }
  std::vector<double> values(3 * 5);
  std::iota(values.begin(), values.end(), 1);
  const Tensor x = Tensor::from(values, {1, 3, 5, 1}, DType::f64, Device::ref);
  CHECK(block(x).shape() == Shape{1, 2, 3, 1});
  check_close(block(x).to_vector<double>(), {4, 6, 7.5, 11.5, 13.5, 15}, 1e-15, "y");
}

TEST_CASE("resnet: an option A shortcut keeps every second pixel between equal halves of zeros") {
  Generator random(1);
  // With the last gamma and beta 0, y = relu(shortcut(x)).
  BasicBlock block({.c_in = 2, .width = 5, .stride = 2, .shortcut = ShortcutKind::option_a}, random,
                   kRef);
  for (const NamedTensor& p : block.parameters()) {
    if (p.name == "bn2.weight") p.tensor.copy_from(zeros(p.tensor.shape()));
    CHECK(!p.name.starts_with("downsample"));
  }
  std::vector<double> values(3 * 4 * 2);
  std::iota(values.begin(), values.end(), 1);
  const Tensor x = Tensor::from(values, {1, 3, 4, 2}, DType::f64, Device::ref);
  // Pixels (0, 0), (0, 2), (2, 0), (2, 2); of 3 new channels one comes before.
  CHECK(block(x).shape() == Shape{1, 2, 2, 5});
  CHECK(block(x).to_vector<double>() == std::vector<double>{0, 1,  2,  0, 0, 0, 5,  6,  0, 0,  //
                                                            0, 17, 18, 0, 0, 0, 21, 22, 0, 0});
}

TEST_CASE("resnet: without the last gammas every block is its shortcut") {
  for (const ResNetForm& form : resnet_forms()) {
    INFO(std::string(form.name));
    Generator random(1);
    const ResNet model(form.config, random, kRef);
    zero_last_gammas(model);
    const std::string last =
        form.config.block == ResNetBlock::basic ? ".bn2.weight" : ".bn3.weight";
    int zeroed = 0;
    for (const NamedTensor& p : model.parameters()) {
      const bool is_last = p.name.starts_with("layer") && p.name.ends_with(last);
      CHECK((norm(p.tensor.to_vector<double>()) == 0) ==
            (is_last || (p.name.find("bn") != std::string::npos && p.name.ends_with("bias")) ||
             p.name.ends_with("downsample.1.bias") || p.name.ends_with("downsample.2.bias") ||
             p.name.starts_with("conv1.1.b") || p.name.starts_with("conv1.4.b")));
      zeroed += is_last;
    }
    CHECK(zeroed == std::accumulate(form.config.depths.begin(), form.config.depths.end(), 0));
  }
}

TEST_CASE("resnet: frozen stages keep their weights, statistics and gradients still") {
  Generator random(1);
  ResNet model(resnet_forms()[0].config, random, kRef);
  randomize_state(model, 3);
  model.set_requires_grad_matching("*", false);
  model.set_requires_grad_matching("layer4,fc", true);
  std::map<std::string, std::vector<double>> before;
  for (const NamedTensor& b : model.buffers()) before[b.name] = b.tensor.to_vector<double>();
  Random values(4);
  const Tensor x =
      Tensor::from(values.uniform_vector(2 * 33 * 33 * 3), {2, 33, 33, 3}, DType::f64, Device::ref);
  const Tensor labels = Tensor::from(std::vector<std::int32_t>{4, 0}, {2}, DType::i32, Device::ref);
  backward(cross_entropy(model(x), labels));
  const auto is_trained = [](const std::string& name) {
    return name.starts_with("layer4.") || name.starts_with("fc.");
  };
  for (const NamedTensor& p : model.parameters()) {
    INFO(p.name);
    CHECK(static_cast<bool>(p.tensor.grad()) == is_trained(p.name));
  }
  for (const NamedTensor& b : model.buffers()) {
    INFO(b.name);
    CHECK((b.tensor.to_vector<double>() != before.at(b.name)) == is_trained(b.name));
  }
}

TEST_CASE("resnet: directional derivatives of whole networks") {
  for (const ResNetForm& form : resnet_forms()) {
    for (const bool training : {true, false}) {
      INFO(std::string(form.name), ", training ", training);
      Generator random(1);
      ResNet model(form.config, random, kRef);
      randomize_state(model, 6);
      model.train(training);
      Random values(4);
      const bool is_cifar = form.config.stem == ResNetStem::conv3;
      const Shape shape{3, is_cifar ? 9 : 25, is_cifar ? 6 : 21, form.config.in_channels};
      const Tensor x =
          Tensor::from(values.uniform_vector(shape.size()), shape, DType::f64, Device::ref)
              .set_requires_grad();
      const Tensor labels =
          Tensor::from(std::vector<std::int32_t>{4, 0, 2}, {3}, DType::i32, Device::ref);
      std::vector<NamedTensor> tensors = model.parameters();
      tensors.push_back({"input", x});
      check_directions(tensors, [&] { return cross_entropy(model(x), labels); });
    }
  }
}

}  // namespace
}  // namespace tl::test
