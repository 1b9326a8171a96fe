// FrozenNetwork against the evaluation-mode forward pass that it replaces.
#include "nn/frozen.h"

#include "engine/allocator.h"
#include "models/resnet.h"
#include "nn/optimizer.h"
#include "tests/support/op_case.h"
#include "tests/support/op_errors.h"
#include "tests/support/random_state.h"
#include "tests/support/ref_placement.h"
#include "tests/support/resnet_forms.h"

namespace tl::test {
namespace {

std::unique_ptr<ResNet> network(const ResNetConfig& config, Placement where) {
  Generator random(1);
  auto model = std::make_unique<ResNet>(config, random, where);
  randomize_state(*model, 2);
  model->eval();
  return model;
}

Tensor pictures(const Shape& shape, Placement where) {
  Random random(static_cast<std::uint64_t>(shape.size()));
  return Tensor::from(random.uniform_vector(shape.size()), shape, where.dtype, where.device);
}

/// With basic blocks.
std::unique_ptr<ResNet> network() { return network(resnet_forms()[0].config, kRef); }

/// What running it on x again takes at most besides what is there, in bytes on the host.
std::int64_t peak_of(FrozenNetwork& frozen, const Tensor& x) {
  frozen(x);
  const auto before = memory_stats(MemorySpace::host).current;
  reset_peak(MemorySpace::host);
  frozen(x);
  return memory_stats(MemorySpace::host).peak - before;
}

TEST_CASE("frozen: equals evaluation mode, on ref to rounding") {
  for (const ResNetForm& form : resnet_forms()) {
    INFO(std::string(form.name));
    const auto model = network(form.config, kRef);
    FrozenNetwork frozen(*model);
    const std::int64_t c = form.config.in_channels;
    for (const Shape& shape :
         {Shape{2, 33, 35, c}, Shape{1, 33, 35, c}, Shape{2, 33, 35, c}, Shape{1, 1, 1, c}}) {
      const Tensor x = pictures(shape, kRef);
      const Tensor y = frozen(x);
      CHECK(!y.requires_grad());
      check_close(y.to_vector<double>(), (*model)(x).to_vector<double>(), 1e-13, "logits");
    }
  }
}

TEST_CASE("frozen: every device against evaluation mode on ref in f64") {
  for (const ResNetForm& form : resnet_forms()) {
    INFO(std::string(form.name));
    const auto reference = network(form.config, kRef);
    const Shape shape{2, 33, 35, form.config.in_channels};
    const auto expected = (*reference)(pictures(shape, kRef)).to_vector<double>();
    // 10 or 15 convolutions in a row, the longest sum 3 * 3 * 32 products.
    const double bound = 15 * f32_sum_bound(9 * 32);
    EveryDevice every("frozen");
    every.run([&](Device device) {
      const Placement where{DType::f32, device};
      const auto model = network(form.config, where);
      FrozenNetwork frozen(*model);
      const Tensor x = pictures(shape, where);
      check_close(frozen(x).to_vector<double>(), expected, bound, "frozen");
      check_close((*model)(x).to_vector<double>(), expected, bound, "evaluation");
    });
  }
}

TEST_CASE("frozen: run again, and captured where the device can, it gives the same bits") {
  for (const Device device : devices()) {
    INFO(concat(device));
    const Placement where{DType::f32, device};
    const auto model = network(resnet_forms()[0].config, where);
    FrozenNetwork frozen(*model);
    const std::int64_t c = resnet_forms()[0].config.in_channels;
    const std::vector<Shape> shapes = {{2, 9, 11, c}, {1, 9, 11, c}};
    std::vector<std::vector<double>> first;
    for (int run = 0; run < 4; ++run) {
      std::vector<Tensor> y;  // held while others run
      for (const Shape& shape : shapes) {
        const Tensor x = pictures(shape, where);
        y.push_back(frozen(run % 2 == 0 ? x : mul(x, x)));
        y.push_back(frozen(x));
      }
      for (std::size_t i = 0; i < y.size(); ++i) {
        const auto values = y[i].to_vector<double>();
        if (run < 2) {
          first.push_back(values);
        } else {
          CHECK(values == first[static_cast<std::size_t>(run % 2) * y.size() + i]);
        }
      }
    }
    CHECK(first[0] == first[1]);
    CHECK(first[4] != first[5]);
  }
}

TEST_CASE("frozen: no pictures") {
  const auto model = network();
  FrozenNetwork frozen(*model);
  CHECK(frozen(pictures({0, 33, 35, 3}, kRef)).shape() == Shape{0, 5});
}

TEST_CASE("frozen: a prefix stays valid while the head behind it is trained") {
  const auto model = network();
  FrozenNetwork features(*model, [&](PlanBuilder& plan, const PlanValue& x) {
    return model->lower_features(plan, x);
  });
  const Tensor x = pictures({2, 33, 35, 3}, kRef);
  const auto expected = model->features(x).to_vector<double>();
  Sgd sgd(model->fc.parameters(), 0.1);
  for (int step = 0; step < 3; ++step) {
    const Tensor f = features(x);
    check_close(f.to_vector<double>(), expected, 1e-13, "features");
    const Tensor labels =
        Tensor::from(std::vector<std::int32_t>{0, 3}, {2}, DType::i32, Device::ref);
    sgd.clear_gradients();
    backward(cross_entropy(model->fc(f), labels));
    sgd.step();
  }
}

TEST_CASE("frozen: the head is read as it is") {
  const auto model = network();
  FrozenNetwork frozen(*model);
  const Tensor x = pictures({1, 33, 35, 3}, kRef);
  frozen(x);
  randomize_state(model->fc, 9);
  check_close(frozen(x).to_vector<double>(), (*model)(x).to_vector<double>(), 1e-13, "logits");
}

TEST_CASE("frozen: every change behind its back is noticed and named") {
  const char* names[] = {"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean",
                         "layer4.0.downsample.1.running_var"};
  for (const char* name : names) {
    const auto model = network();
    FrozenNetwork frozen(*model);
    const Tensor x = pictures({1, 33, 35, 3}, kRef);
    frozen(x);
    for (const NamedTensor& s : model->state()) {
      if (s.name == name) s.tensor.writable();
    }
    CHECK_ERROR(frozen(x),
                concat("frozen: ", name, " was changed after the network was frozen").c_str());
  }
}

TEST_CASE("frozen: a convolution without batch norm") {
  Generator random(4);
  Sequential modules;
  modules.append<Conv2d>(3, 4, 3, Conv2dOptions{.stride = 2, .pad = 1}, random, kRef);
  FrozenNetwork frozen(modules);
  const Tensor x = pictures({2, 7, 6, 3}, kRef);
  CHECK(frozen(x).to_vector<double>() == modules(x).to_vector<double>());
}

TEST_CASE("frozen: every layer, and a convolution with a bias of its own") {
  Generator random(4);
  Sequential modules;
  Conv2d& first =
      modules.append<Conv2d>(3, 4, 3, Conv2dOptions{.pad = 1}, random, kRef, ConvStart::alone);
  modules.append<Relu>();
  modules.append<Dropout>(0.5, random);
  modules.append<MaxPool2d>(MaxPool2dOptions{.kernel = 3, .stride = 2, .pad = 1});
  modules.append<AveragePool2d>(AveragePool2dOptions{.kernel = 2, .stride = 1, .ceil_mode = true});
  modules.append<GlobalAveragePool>();
  modules.append<Linear>(4, 2, random, kRef);
  modules.eval();
  FrozenNetwork frozen(modules);
  for (const Shape& shape : {Shape{2, 7, 9, 3}, Shape{1, 3, 4, 3}, Shape{0, 7, 9, 3}}) {
    const Tensor x = pictures(shape, kRef);
    CHECK(frozen(x).shape() == Shape{shape[0], 2});
    CHECK(frozen(x).to_vector<double>() == modules(x).to_vector<double>());
  }
  first.bias.writable();
  CHECK_ERROR(frozen(pictures({2, 7, 9, 3}, kRef)),
              "frozen: 0.bias was changed after the network was frozen");
}

TEST_CASE("frozen: a bias before a batch norm is folded too") {
  Generator random(4);
  Conv2d conv(3, 4, 3, {.pad = 1}, random, kRef, ConvStart::alone);
  BatchNorm2d norm(4, kRef);
  randomize_state(norm, 5);
  norm.eval();
  FrozenNetwork frozen(
      conv, [&](PlanBuilder& plan, const PlanValue& in) { return plan.conv(in, conv, &norm); });
  const Tensor x = pictures({1, 6, 5, 3}, kRef);
  check_close(frozen(x).to_vector<double>(), norm(conv(x)).to_vector<double>(), 1e-13, "y");
  conv.bias.writable();
  CHECK_ERROR(frozen(x), "frozen: bias was changed after the network was frozen");
}

TEST_CASE("frozen: one convolution under two batch norms is folded with each") {
  Generator random(4);
  Conv2d conv(3, 4, 3, {.pad = 1}, random, kRef);
  BatchNorm2d first(4, kRef), second(4, kRef), wrong(5, kRef);
  randomize_state(first, 5);
  randomize_state(second, 6);
  first.eval();
  second.eval();
  const Tensor x = pictures({1, 6, 5, 3}, kRef);
  const BatchNorm2d* norm = nullptr;
  FrozenNetwork frozen(conv, [&](PlanBuilder& plan, const PlanValue& in) {
    if (norm) return plan.conv(in, conv, norm);
    const PlanValue a = plan.conv(in, conv, &first);
    return plan.conv(in, conv, &second, {.residual = &a});
  });
  const Tensor y = conv(x);
  check_close(frozen(x).to_vector<double>(), add(first(y), second(y)).to_vector<double>(), 1e-13,
              "sum");

  // A fold that failed leaves nothing behind, and fails again.
  norm = &wrong;
  for (int attempt = 0; attempt < 2; ++attempt) {
    CHECK_ERROR(frozen(pictures({2, 6, 5, 3}, kRef)),
                "frozen: a batch norm of 5 channels follows a convolution to 4");
  }
}

TEST_CASE("frozen: buffers are given back on the way") {
  // 12 convolutions of 33 x 35 x 8 pictures: the peak must be that of 2 or 3, not of 12.
  Generator random(4);
  Sequential modules;
  for (int i = 0; i < 12; ++i) {
    modules.append<Conv2d>(8, 8, 1, Conv2dOptions{}, random, kRef);
  }
  FrozenNetwork frozen(modules);
  const Tensor x = pictures({1, 33, 35, 8}, kRef);
  const auto picture = static_cast<std::int64_t>(33 * 35 * 8 * sizeof(double));
  CHECK(peak_of(frozen, x) < 4 * picture);
}

TEST_CASE("frozen: a residual gives its memory where nothing reads it later") {
  Generator random(4);
  Conv2d conv(8, 8, 1, {}, random, kRef);
  const Tensor x = pictures({1, 33, 35, 8}, kRef);
  const auto chain = [](const auto& input, const auto& step) {
    const auto a = step(input, nullptr);
    const auto b = step(a, &a);
    const auto c = step(b, &a);  // a is read once more
    const auto d = step(c, &a);
    return step(d, &input);  // not the plan's own
  };
  FrozenNetwork frozen(conv, [&](PlanBuilder& plan, const PlanValue& in) {
    return chain(in, [&](const PlanValue& v, const PlanValue* residual) {
      return plan.conv(v, conv, nullptr, {.residual = residual});
    });
  });
  const auto before = x.to_vector<double>();
  const Tensor expected = chain(x, [&](const Tensor& v, const Tensor* residual) {
    return residual ? add(conv(v), *residual) : conv(v);
  });
  check_close(frozen(x).to_vector<double>(), expected.to_vector<double>(), 1e-13, "y");
  CHECK(x.to_vector<double>() == before);

  FrozenNetwork last(conv, [&](PlanBuilder& plan, const PlanValue& in) {
    const PlanValue a = plan.conv(in, conv, nullptr), b = plan.conv(a, conv, nullptr);
    return plan.conv(b, conv, nullptr, {.residual = &a});
  });
  const auto picture = static_cast<std::int64_t>(33 * 35 * 8 * sizeof(double));
  CHECK(peak_of(last, x) < 3 * picture);
}

TEST_CASE("frozen: errors") {
  const auto model = network();
  FrozenNetwork frozen(*model);
  CHECK_ERROR(frozen(zeros({1, 33, 35, 3}, DType::f32)),
              "frozen: the network is f64 on ref, the input f32 on ref");
  CHECK_ERROR(frozen(zeros({1, 33, 35, 4})),
              "frozen: conv2d: filter [4, 7, 7, 3] does not fit 4 input channels in 1 groups");
  CHECK_ERROR(frozen(zeros({33, 35, 3})),
              "frozen: conv2d: needs x [n, h, w, c_in] and filter [c_out, kh, kw, c_in / groups], "
              "got [33, 35, 3] and [4, 7, 7, 3]");
  Sequential empty;
  CHECK_ERROR(FrozenNetwork{empty}, "frozen: the module has no parameters");
  Generator random(4);
  Sequential conv;
  conv.append<Conv2d>(3, 4, 3, Conv2dOptions{}, random, kRef);
  FrozenNetwork unpadded(conv);
  CHECK_ERROR(unpadded(zeros({1, 2, 5, 3})),
              "frozen: conv2d: x [1, 2, 5, 3] with pad 0 is smaller than the filter [4, 3, 3, 3]");
  FrozenNetwork nothing(conv, [&](PlanBuilder& plan, const PlanValue& in) {
    const Conv2d hollow(3, 0, 3, {}, random, kRef);
    const BatchNorm2d none(0, kRef);
    return plan.conv(in, hollow, &none);
  });
  CHECK_ERROR(nothing(zeros({1, 5, 5, 3})), "frozen: conv2d: filter [0, 3, 3, 3] has no elements");
  FrozenNetwork pooled(conv, [](PlanBuilder& plan, const PlanValue& in) {
    return plan.max_pool(in, {.kernel = 3, .stride = 0});
  });
  CHECK_ERROR(
      pooled(zeros({1, 5, 5, 3})),
      "frozen: max_pool2d: kernel 3, stride 0, pad 0, dilation 1: must be at least 1 (pad: 0 to "
      "half of what a window spans)");
}

}  // namespace
}  // namespace tl::test
