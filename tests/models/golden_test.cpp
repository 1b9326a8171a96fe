// Whole networks against PyTorch in float64: logits, all gradients, ten steps of training.
// tests/golden/README.md says what the files hold.
#include "io/hdf5_weights.h"
#include "models/resnet.h"
#include "models/weight_names.h"
#include "nn/frozen.h"
#include "nn/optimizer.h"
#include "tests/support/compare.h"
#include "tests/support/ref_placement.h"

namespace tl::test {
namespace {

constexpr double kBound = 1e-9, kLossBound = 1e-7;

class Golden {
 public:
  explicit Golden(const std::string& name)
      : file_(read_hdf5(std::string(TL_SOURCE_DIR "/tests/golden/") + name)) {}

  /// As f64 on `ref`; pictures and filters still in the file's order.
  Tensor tensor(const std::string& name) const {
    const Array* array = file_.find(name);
    REQUIRE_MESSAGE(array, name);
    return to_tensor(*array);
  }
  std::vector<double> values(const std::string& name) const {
    return tensor(name).to_vector<double>();
  }
  /// Every tensor below `folder`, by its name from there.
  std::map<std::string, Tensor> folder(const std::string& folder) const {
    std::map<std::string, Tensor> out;
    for (const auto& [name, array] : file_.arrays) {
      if (name.starts_with(folder)) out.emplace(name.substr(folder.size()), to_tensor(array));
    }
    REQUIRE(!out.empty());
    return out;
  }

 private:
  static Tensor to_tensor(const Array& array) {
    if (array.dtype == DType::i32) {
      return Tensor::from(array.as<std::int32_t>(), Shape(array.shape), DType::i32, Device::ref);
    }
    return with_float("golden", array.dtype, [&]<class T>(T) {
      return Tensor::from(array.as<T>(), Shape(array.shape), DType::f64, Device::ref);
    });
  }
  WeightsFile file_;
};

/// A network with the file's starting weights, and its batch.
struct Setup {
  explicit Setup(const std::string& name) : golden(name) {
    const auto weights = golden.folder("weights/");
    std::map<std::string, Shape> shapes;
    for (const auto& [key, tensor] : weights) shapes.emplace(key, tensor.shape());
    Generator random(1);
    model = std::make_unique<ResNet>(recognise_resnet(shapes), random, kRef);
    const ImportReport report = import_weights(*model, weights);
    REQUIRE(report.matched.size() == model->state().size());
    REQUIRE(report.unexpected.empty());
    // Pictures are permuted like filters: [n, c, h, w] to [n, h, w, c].
    x = filter_from_file(golden.tensor("images"));
    labels = golden.tensor("labels");
  }
  Golden golden;
  std::unique_ptr<ResNet> model;
  Tensor x, labels;
};

const char* kFiles[] = {"resnet_basic_w4.h5", "resnet_bottleneck_w4.h5", "resnet_wide_w2.h5",
                        "resnet_groups_w2.h5", "resnet_cifar_w4.h5"};

TEST_CASE("golden: the files hold the forms that they are named after") {
  const ResNetConfig expected[] = {
      {.depths = {1, 1, 1, 1}, .width = 4, .classes = 7},
      {.block = ResNetBlock::bottleneck, .depths = {2, 1, 1, 1}, .width = 4, .classes = 7},
      {.block = ResNetBlock::bottleneck,
       .depths = {1, 1, 1, 1},
       .width = 2,
       .classes = 7,
       .width_per_group = 128},
      {.block = ResNetBlock::bottleneck,
       .depths = {1, 1, 1, 1},
       .width = 2,
       .classes = 7,
       .groups = 2},
      {.depths = {1, 2, 1},
       .width = 4,
       .classes = 7,
       .stem = ResNetStem::conv3,
       .shortcut = ShortcutKind::option_a}};
  for (std::size_t i = 0; i < std::size(kFiles); ++i) {
    INFO(concat(kFiles[i]));
    CHECK(Setup(kFiles[i]).model->config == expected[i]);
  }
}

TEST_CASE("golden: logits in evaluation mode, and of the frozen network") {
  for (const char* file : kFiles) {
    INFO(concat(file));
    const Setup s(file);
    s.model->eval();
    const auto expected = s.golden.values("forward/logits");
    check_close((*s.model)(s.x).to_vector<double>(), expected, kBound, "logits");
    FrozenNetwork frozen(*s.model);
    check_close(frozen(s.x).to_vector<double>(), expected, kBound, "frozen logits");
  }
}

TEST_CASE("golden: loss and every gradient of a training pass") {
  for (const char* file : kFiles) {
    INFO(concat(file));
    const Setup s(file);
    s.x.set_requires_grad();
    const Tensor logits = (*s.model)(s.x);
    const Tensor loss = cross_entropy(logits, s.labels);
    check_close(logits.to_vector<double>(), s.golden.values("train/logits"), kBound, "logits");
    check_close({loss.item()}, s.golden.values("train/loss"), kBound, "loss");
    backward(loss);
    auto expected = with_usual_names(s.golden.folder("train/grad/"));
    const auto check_gradient = [&](const std::string& name, const Tensor& x) {
      REQUIRE_MESSAGE(expected.contains(name), name);
      REQUIRE(x.grad());
      check_close(filter_to_file(x.grad()).to_vector<double>(),
                  expected.at(name).to_vector<double>(), kBound, name);
      expected.erase(name);
    };
    check_gradient("input", s.x);
    for (const NamedTensor& p : s.model->parameters()) check_gradient(p.name, p.tensor);
    CHECK(expected.empty());
  }
}

TEST_CASE("golden: ten steps of SGD with momentum") {
  for (const char* file : kFiles) {
    INFO(concat(file));
    const Setup s(file);
    Sgd sgd(s.model->parameters(), 0.01, {.momentum = 0.9});
    std::vector<double> losses;
    for (int step = 0; step < 10; ++step) {
      sgd.clear_gradients();
      const Tensor loss = cross_entropy((*s.model)(s.x), s.labels);
      losses.push_back(loss.item());
      backward(loss);
      sgd.step();
    }
    // The last loss is measured in training mode, after the state was looked at: it moves the
    // running statistics once more.
    const auto state = export_weights(*s.model);
    for (const auto& [name, expected] : with_usual_names(s.golden.folder("train/final/"))) {
      check_close(state.at(name).to_vector<double>(), expected.to_vector<double>(), kLossBound,
                  name);
    }
    losses.push_back(cross_entropy((*s.model)(s.x), s.labels).item());
    const auto expected = s.golden.values("train/losses");
    REQUIRE(losses.size() == expected.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
      INFO("step ", i);
      CHECK(std::abs(losses[i] - expected[i]) <= kLossBound * std::abs(expected[i]));
    }
    CHECK(losses.back() < losses.front());
  }
}

}  // namespace
}  // namespace tl::test
