// Import and export of weights: axis orders, round trip, report.
#include "models/weight_names.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "models/resnet.h"
#include "tests/support/op_errors.h"
#include "tests/support/random_state.h"

namespace tl::test {
namespace {

using Names = std::vector<std::string>;

std::unique_ptr<ResNet> small_resnet(std::uint64_t seed, Placement where) {
  Generator random(seed);
  const ResNetConfig config{.depths = {1, 1, 1, 1}, .width = 4, .classes = 6};
  auto model = std::make_unique<ResNet>(config, random, where);
  randomize_state(*model, seed);
  return model;
}

TEST_CASE("weight_names: OIHW to OHWI and back") {
  std::vector<double> values(2 * 3 * 2 * 2);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  const Tensor file = Tensor::from(values, {2, 3, 2, 2}, DType::f32, Device::ref);
  const Tensor ours = filter_from_file(file);
  CHECK(ours.shape() == Shape{2, 2, 2, 3});
  // Of element (o, h, w, i): o * 12 + i * 4 + h * 2 + w.
  CHECK(ours.to_vector<double>() == std::vector<double>{0,  4,  8,  1,  5,  9,  2,  6,
                                                        10, 3,  7,  11, 12, 16, 20, 13,
                                                        17, 21, 14, 18, 22, 15, 19, 23});
  CHECK(filter_to_file(ours).to_vector<double>() == values);
  CHECK(filter_to_file(ours).shape() == file.shape());
  const Tensor matrix = zeros({4, 5});
  CHECK(filter_from_file(matrix).impl() == matrix.impl());
  CHECK(filter_to_file(matrix).impl() == matrix.impl());
  CHECK(filter_from_file(zeros({2, 0, 3, 5})).shape() == Shape{2, 3, 5, 0});
}

TEST_CASE("weight_names: export and import make an equal network, on every device") {
  const auto source = small_resnet(1, {DType::f32, Device::ref});
  const auto file = export_weights(*source);
  CHECK(file.at("conv1.weight").shape() == Shape{4, 3, 7, 7});
  for (const Device device : devices()) {
    const auto target = small_resnet(2, {DType::f32, device});
    const ImportReport report = import_weights(*target, file);
    CHECK(report.matched.size() == target->state().size());
    CHECK(report.missing.empty());
    CHECK(report.unexpected.empty());
    CHECK(report.wrong_shape.empty());
    const auto a = source->state(), b = target->state();
    for (std::size_t i = 0; i < a.size(); ++i) {
      CHECK(a[i].name == b[i].name);
      CHECK(a[i].tensor.to_vector<float>() == b[i].tensor.to_vector<float>());
      CHECK(a[i].tensor.requires_grad() == b[i].tensor.requires_grad());
    }
  }
}

TEST_CASE("weight_names: an export does not change with the network") {
  const auto model = small_resnet(1, {DType::f32, Device::ref});
  const auto snapshot = export_weights(*model);
  std::map<std::string, std::vector<float>> before;
  for (const auto& [name, x] : snapshot) before[name] = x.to_vector<float>();
  randomize_state(*model, 2);
  for (const auto& [name, x] : snapshot) CHECK(x.to_vector<float>() == before.at(name));
}

TEST_CASE("weight_names: a file in f64 fills an f32 network") {
  const auto source = small_resnet(1, {DType::f64, Device::ref});
  const auto target = small_resnet(2, {DType::f32, Device::ref});
  import_weights(*target, export_weights(*source));
  CHECK(target->fc.weight.dtype() == DType::f32);
  CHECK(target->fc.weight.to_vector<float>() == source->fc.weight.to_vector<float>());
}

TEST_CASE("weight_names: a file in bf16 fills an f32 network") {
  const auto source = small_resnet(1, {DType::f32, Device::ref});
  auto file = export_weights(*source);
  for (auto& [name, tensor] : file) tensor = tensor.to(Device::ref, DType::bf16);
  const auto target = small_resnet(2, {DType::f32, Device::ref});
  const ImportReport report = import_weights(*target, file);
  CHECK(report.wrong_shape.empty());
  CHECK(report.matched.size() == target->state().size());
  const auto exact = source->fc.weight.to_vector<float>(),
             got = target->fc.weight.to_vector<float>();
  for (std::size_t i = 0; i < exact.size(); ++i)
    CHECK(got[i] == static_cast<float>(BFloat16(exact[i])));
}

TEST_CASE("weight_names: names of published CIFAR networks") {
  const auto source = small_resnet(1, {DType::f64, Device::ref});
  std::map<std::string, Tensor> file;
  for (auto& [name, tensor] : export_weights(*source)) {
    std::string other = name.starts_with("fc.") ? "linear." + name.substr(3) : name;
    if (const auto at = other.find("downsample"); at != std::string::npos)
      other.replace(at, 10, "shortcut");
    file.emplace(other, tensor);
  }
  CHECK(file.contains("linear.bias"));
  CHECK(file.contains("layer2.0.shortcut.0.weight"));
  const auto target = small_resnet(2, {DType::f64, Device::ref});
  const ImportReport report = import_weights(*target, file);
  CHECK(report.matched.size() == target->state().size());
  CHECK(report.unexpected.empty());
  CHECK(target->fc.bias.to_vector<double>() == source->fc.bias.to_vector<double>());

  file["fc.weight"] = zeros({6, 32});
  CHECK_ERROR(import_weights(*target, file),
              "two tensors are called fc.weight, one of them by the name linear.weight");
}

TEST_CASE("weight_names: flat names and paths through groups are the same tensors") {
  const auto source = small_resnet(1, {DType::f64, Device::ref});
  std::map<std::string, Tensor> nested;
  std::map<std::string, Shape> shapes;
  for (auto& [name, tensor] : export_weights(*source)) {
    std::string path = name;
    std::replace(path.begin(), path.end(), '.', '/');
    nested.emplace(path, tensor);
    shapes.emplace(path, tensor.shape());
  }
  nested["bn1/num_batches_tracked"] = zeros({1});
  CHECK(recognise_resnet(shapes) == source->config);
  const auto target = small_resnet(2, {DType::f64, Device::ref});
  const ImportReport report = import_weights(*target, nested);
  CHECK(report.matched.size() == target->state().size());
  CHECK(report.unexpected.empty());
  CHECK(target->fc.weight.to_vector<double>() == source->fc.weight.to_vector<double>());

  nested["fc.weight"] = zeros({6, 32});
  CHECK_ERROR(import_weights(*target, nested),
              "two tensors are called fc.weight, one of them by the name fc/weight");
}

TEST_CASE("weight_names: a network that was a part of something loses its prefix") {
  const auto source = small_resnet(1, {DType::f64, Device::ref});
  for (const std::string prefix : {"module.", "model/backbone/", "backbone.", "encoder.",
                                   "_orig_mod.", "module._orig_mod.encoder."}) {
    CAPTURE(prefix);
    std::map<std::string, Tensor> file;
    std::map<std::string, Shape> shapes;
    for (auto& [name, tensor] : export_weights(*source)) {
      file.emplace(prefix + name, tensor);
      shapes.emplace(prefix + name, tensor.shape());
    }
    CHECK(recognise_resnet(shapes) == source->config);
    const auto target = small_resnet(2, {DType::f64, Device::ref});
    file["head.weight"] = zeros({1});
    const ImportReport report = import_weights(*target, file);
    CHECK(report.matched.size() == target->state().size());
    CHECK(report.unexpected == std::vector<std::string>{"head.weight"});
    CHECK(target->fc.weight.to_vector<double>() == source->fc.weight.to_vector<double>());
  }
}

TEST_CASE("weight_names: values that can be no weights are reported and left alone") {
  const auto model = small_resnet(1, {DType::f32, Device::ref});
  const auto file = export_weights(*small_resnet(2, {DType::f32, Device::ref}));
  const auto reported = [&](const std::string& name, const Tensor& x) {
    auto damaged = file;
    damaged[name] = x;
    const auto kept = model->state().front().tensor.to_vector<float>();
    const ImportReport report = import_weights(*model, damaged);
    CHECK(report.matched.size() == model->state().size() - report.wrong_shape.size());
    CHECK(report.missing.empty());
    if (name == "conv1.weight") CHECK(model->state().front().tensor.to_vector<float>() == kept);
    return report.wrong_shape;
  };
  const auto with = [&](const std::string& name, double value) {
    auto values = file.at(name).to_vector<double>();
    values.back() = value;
    return reported(name, Tensor::from(values, file.at(name).shape(), DType::f64, Device::ref));
  };
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(model->state().front().name == "conv1.weight");
  CHECK(with("conv1.weight", std::nan("")) == Names{"conv1.weight: holds NaN or infinity"});
  CHECK(with("conv1.weight", infinity) == Names{"conv1.weight: holds NaN or infinity"});
  CHECK(with("fc.bias", 1e39) == Names{"fc.bias: holds a number that f32 does not"});
  CHECK(with("fc.bias", 1e38).empty());
  CHECK(with("fc.bias", -infinity) == Names{"fc.bias: holds NaN or infinity"});
  CHECK(with("bn1.running_var", -1) == Names{"bn1.running_var: holds a negative variance"});
  CHECK(with("bn1.running_var", 0).empty());
  CHECK(with("bn1.running_mean", -1).empty());
  CHECK(reported("conv1.weight",
                 Tensor::zeros(file.at("conv1.weight").shape(), DType::i32, Device::ref)) ==
        Names{"conv1.weight: file i32, not a float"});
  CHECK(reported("conv1.weight", zeros({4, 3, 49})) ==
        Names{"conv1.weight: file [4, 3, 49], network [4, 3, 7, 7]"});
}

TEST_CASE("weight_names: what does not fit is reported by name and left alone") {
  const auto model = small_resnet(1, {DType::f64, Device::ref});
  auto file = export_weights(*small_resnet(2, {DType::f64, Device::ref}));
  file.erase("bn1.running_mean");
  file.erase("layer4.0.conv2.weight");
  file["fc.weight"] = zeros({1000, 32});
  file["layer2.0.conv1.weight"] = zeros({8, 4, 5, 5});
  file["bn1.num_batches_tracked"] = zeros({1});
  file["num_batches_tracked"] = zeros({1});
  file["classifier.bias"] = zeros({2});
  const auto kept = model->fc.weight.to_vector<double>();

  const ImportReport report = import_weights(*model, file);
  CHECK(report.missing == Names{"bn1.running_mean", "layer4.0.conv2.weight"});
  CHECK(report.unexpected == Names{"classifier.bias", "num_batches_tracked"});
  CHECK(report.wrong_shape ==
        Names{"layer2.0.conv1.weight: file [8, 4, 5, 5], network [8, 4, 3, 3]",
              "fc.weight: file [1000, 32], network [6, 32]"});
  CHECK(report.matched.size() == model->state().size() - 4);
  CHECK(model->fc.weight.to_vector<double>() == kept);
}

}  // namespace
}  // namespace tl::test
