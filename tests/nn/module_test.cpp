// Module: names, order, parameters and buffers, modes.
#include "nn/module.h"

#include "nn/frozen.h"
#include "nn/layers.h"
#include "tests/support/op_errors.h"
#include "tests/support/ref_placement.h"

namespace tl::test {
namespace {

std::vector<std::string> names_of(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const NamedTensor& t : tensors) names.push_back(t.name);
  return names;
}

class Branch : public Module {
 public:
  Branch() : own(add_parameter("scale", Tensor::full({1}, 1, DType::f64, Device::ref))) {
    auto& inner = layers.append<Sequential>();
    inner.append<Conv2d>(2, 3, 1, Conv2dOptions{}, random, kRef);
    inner.append<BatchNorm2d>(3, kRef);
    layers.append<Sequential>();
    add_module("layers", layers);
    add_module("head", head);
  }
  Tensor forward(const Tensor& x) override { return x; }

  Generator random{1};
  const Tensor own;
  Sequential layers;
  Linear head{3, 2, random, kRef};
};

TEST_CASE("module: names are paths, in order of registration") {
  const Branch module;
  CHECK(names_of(module.parameters()) ==
        std::vector<std::string>{"scale", "layers.0.0.weight", "layers.0.1.weight",
                                 "layers.0.1.bias", "head.weight", "head.bias"});
  CHECK(names_of(module.buffers()) ==
        std::vector<std::string>{"layers.0.1.running_mean", "layers.0.1.running_var"});
  CHECK(names_of(module.state()) ==
        std::vector<std::string>{"scale", "layers.0.0.weight", "layers.0.1.weight",
                                 "layers.0.1.bias", "layers.0.1.running_mean",
                                 "layers.0.1.running_var", "head.weight", "head.bias"});
}

TEST_CASE("module: parameters want gradients, buffers do not; freezing reaches children") {
  Branch module;
  const auto all = [&](bool wanted) {
    for (const NamedTensor& p : module.parameters()) CHECK(p.tensor.requires_grad() == wanted);
    for (const NamedTensor& b : module.buffers()) CHECK(!b.tensor.requires_grad());
  };
  all(true);
  module.set_requires_grad(false);
  all(false);
  module.set_requires_grad(true);
  all(true);
  module.layers.set_requires_grad(false);
  CHECK(module.head.weight.requires_grad());
  CHECK(!module.layers.parameters()[0].tensor.requires_grad());
}

TEST_CASE("module: parameters are frozen by pattern") {
  Branch module;
  const auto trained = [&] {
    std::vector<std::string> names;
    for (const NamedTensor& p : module.parameters())
      if (p.tensor.requires_grad()) names.push_back(p.name);
    return names;
  };
  using Names = std::vector<std::string>;
  CHECK(module.set_requires_grad_matching("*", false) == 6);
  CHECK(trained().empty());
  CHECK(module.set_requires_grad_matching("layers.*.weight,head", true) == 4);
  CHECK(trained() == Names{"layers.0.0.weight", "layers.0.1.weight", "head.weight", "head.bias"});
  CHECK(module.set_requires_grad_matching("head.?ias|head.bias", false) == 1);
  CHECK(trained() == Names{"layers.0.0.weight", "layers.0.1.weight", "head.weight"});

  // Nothing changes when one pattern of several is wrong; buffers are no parameters.
  for (const char* wrong : {"heat.*", "layers.0.1.running_mean"}) {
    CHECK_ERROR(module.set_requires_grad_matching(concat("scale,", wrong), true),
                concat("pattern '", wrong,
                       "' matches no parameter; their names are like scale and head.bias")
                    .c_str());
  }
  CHECK(trained() == Names{"layers.0.0.weight", "layers.0.1.weight", "head.weight"});
}

TEST_CASE("module: training mode reaches children") {
  Branch module;
  CHECK(module.is_training());
  module.eval();
  CHECK(!module.head.is_training());
  CHECK(!module.layers.is_training());
  module.head.train();
  CHECK(module.head.is_training());
  CHECK(!module.is_training());
  module.train();
  CHECK(module.layers.is_training());
}

TEST_CASE("module: without a frozen form it says so") {
  const Branch module;
  FrozenNetwork frozen(module);
  CHECK_ERROR(frozen(zeros({1})),
              "frozen: a module with no frozen form; its state: scale, layers.0.0.weight, "
              "layers.0.1.weight, layers.0.1.bias, layers.0.1.running_mean, "
              "layers.0.1.running_var, head.weight, head.bias");
}

}  // namespace
}  // namespace tl::test
