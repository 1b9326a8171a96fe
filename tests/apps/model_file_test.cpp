// A model file brings back the network, its class names and its preprocessing, or says what is
// wrong with it.
#include "apps/model_file.h"

#include <doctest/doctest.h>

#include "apps/array_tensor.h"
#include "io/hdf5_weights.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

const ResNetConfig kSmall{.depths = {1, 1, 1, 1}, .width = 4, .classes = 3};

ModelInfo info_of_three() {
  ModelInfo info{{"ant", "bee", "naïve \"quoted\""}, {}};
  info.preprocessing.crop = 96;
  return info;
}

void write_small(const std::filesystem::path& path) {
  Generator random(1);
  write_model_file(path, ResNet(kSmall, random, {DType::f32, Device::cpu}), info_of_three());
}

std::string error_of(const std::filesystem::path& path) {
  try {
    load_model(path, {DType::f32, Device::cpu});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a model comes back as it was written") {
  const TemporaryFolder folder;
  write_small(folder / "m.h5");
  const LoadedModel model = load_model(folder / "m.h5", {DType::f32, Device::cpu});
  CHECK(model.network->config == kSmall);
  CHECK(model.info.classes == info_of_three().classes);
  CHECK(model.info.preprocessing == info_of_three().preprocessing);
  CHECK(!model.network->is_training());

  Generator random(1);
  const ResNet written(kSmall, random, {DType::f32, Device::cpu});
  const auto expected = written.state(), found = model.network->state();
  REQUIRE(expected.size() == found.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(expected[i].name);
    CHECK(found[i].tensor.to_vector<float>() == expected[i].tensor.to_vector<float>());
  }
}

TEST_CASE("what a model file lacks is named") {
  const TemporaryFolder folder;
  const auto path = folder / "m.h5";
  write_small(path);
  const WeightsFile whole = read_hdf5(path);

  WeightsFile file = whole;
  file.attributes.erase("classes");
  write_hdf5(path, file);
  CHECK(error_of(path).find("no class names") != std::string::npos);

  file = whole;
  file.attributes["classes"] = R"(["ant", "bee"])";
  write_hdf5(path, file);
  CHECK(error_of(path).find("3 outputs, but it names 2 classes") != std::string::npos);

  file = whole;
  file.attributes["classes"] = "ant, bee";
  write_hdf5(path, file);
  CHECK(error_of(path).find("'classes' is not a list of names") != std::string::npos);

  file = whole;
  std::erase_if(file.arrays, [](const auto& a) { return a.first == "layer2.0.bn1.running_var"; });
  write_hdf5(path, file);
  CHECK(error_of(path).find("layer2.0.bn1.running_var is missing") != std::string::npos);

  file = whole;
  for (auto& [name, array] : file.arrays) {
    if (name == "bn1.weight") array = to_array(Tensor::zeros({5}, DType::f32, Device::ref));
  }
  write_hdf5(path, file);
  CHECK(error_of(path).find("bn1.weight: file [5], network [4]") != std::string::npos);

  file = whole;
  std::erase_if(file.arrays, [](const auto& a) { return a.first == "conv1.weight"; });
  write_hdf5(path, file);
  CHECK(error_of(path).find("no ResNet") != std::string::npos);
}

TEST_CASE("a plain weights file has no info") {
  const TemporaryFolder folder;
  const auto path = folder / "w.h5";
  write_small(path);
  WeightsFile file = read_hdf5(path);
  file.attributes.clear();
  write_hdf5(path, file);
  const ModelFile model = read_model_file(path);
  CHECK(!model.info.has_value());
  CHECK(model.config() == kSmall);
}

}  // namespace tl::test
