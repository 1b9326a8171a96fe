// A model file brings back the network, its class names and its preprocessing, or says what is
// wrong with it.
#include "apps/model_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "apps/array_tensor.h"
#include "io/hdf5_weights.h"
#include "tests/apps/info_of_three.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

const ResNetConfig kSmall{.depths = {1, 1, 1, 1}, .width = 4, .classes = 3};

void write_small(const std::filesystem::path& path) {
  Generator random(1);
  write_model_file(path, ResNet(kSmall, random, {DType::f32, Device::cpu}), info_of_three());
}

std::string load_error(const std::filesystem::path& path) {
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
  CHECK(load_error(path).find("no class names") != std::string::npos);

  file = whole;
  file.attributes["classes"] = R"(["ant", "bee"])";
  write_hdf5(path, file);
  CHECK(load_error(path).find("3 outputs, but it names 2 classes") != std::string::npos);

  file = whole;
  file.attributes["classes"] = "ant, bee";
  write_hdf5(path, file);
  CHECK(load_error(path).find("'classes' is not a list of names") != std::string::npos);

  file = whole;
  std::erase_if(file.arrays, [](const auto& a) { return a.first == "layer2.0.bn1.running_var"; });
  write_hdf5(path, file);
  CHECK(load_error(path).find("layer2.0.bn1.running_var is missing") != std::string::npos);

  file = whole;
  for (auto& [name, array] : file.arrays) {
    if (name == "bn1.weight") array = to_array(Tensor::zeros({5}, DType::f32, Device::ref));
  }
  write_hdf5(path, file);
  CHECK(load_error(path).find("bn1.weight: file [5], network [4]") != std::string::npos);

  file = whole;
  std::erase_if(file.arrays, [](const auto& a) { return a.first == "conv1.weight"; });
  write_hdf5(path, file);
  CHECK(load_error(path).find("no ResNet") != std::string::npos);
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

TEST_CASE("a head file brings back the network with the backbone that it names") {
  const TemporaryFolder folder;
  const Placement where{DType::f32, Device::cpu};
  write_small(folder / "backbone.h5");
  const LoadedModel trained = load_model(folder / "backbone.h5", where);
  const ResNet& network = *trained.network;
  network.fc.weight.copy_from(Tensor::full({3, 32}, 0.5, DType::f32, Device::cpu));
  const BackboneSource source{(folder / "backbone.h5").string(), 0, checksum_of_backbone(network)};
  write_head_file(folder / "head.h5", network, info_of_three(), source);
  CHECK(std::filesystem::file_size(folder / "head.h5") < 20000);

  const LoadedModel back = load_model(folder / "head.h5", where);
  CHECK(back.info.classes == info_of_three().classes);
  CHECK(back.network->fc.weight.to_vector<float>() == std::vector<float>(96, 0.5f));
  const auto expected = network.state(), found = back.network->state();
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(found[i].tensor.to_vector<float>() == expected[i].tensor.to_vector<float>());

  CHECK(load_error(folder / "head.h5") == "");
  CHECK_THROWS_AS(read_model_file(folder / "head.h5"), Error);  // it is no whole model
  Generator other(2);  // the backbone is replaced by another of the same form
  write_model_file(folder / "backbone.h5", ResNet(kSmall, other, where), info_of_three());
  CHECK(load_error(folder / "head.h5").find("is not the one that this head was trained on") !=
        std::string::npos);
  std::filesystem::remove(folder / "backbone.h5");
  CHECK(load_error(folder / "head.h5").find("backbone.h5: ") != std::string::npos);
}

TEST_CASE("a head on a random backbone draws it again") {
  const TemporaryFolder folder;
  const Placement where{DType::f32, Device::cpu};
  ResNetConfig config = resnet_config("resnet20");
  config.classes = 3;
  Generator random(7);
  const ResNet network(config, random, where);
  BackboneSource source{"", 7, checksum_of_backbone(network)};
  write_head_file(folder / "head.h5", network, info_of_three(), source);
  const LoadedModel back = load_model(folder / "head.h5", where);
  CHECK(checksum_of_backbone(*back.network) == source.checksum);
  CHECK(back.network->fc.weight.to_vector<float>() == network.fc.weight.to_vector<float>());
  source.seed = 8;
  write_head_file(folder / "head.h5", network, info_of_three(), source);
  CHECK(load_error(folder / "head.h5").find("random weights, is not the one") != std::string::npos);
}

/// The stride and the epsilon of Keras.
ResNetConfig unusual() {
  ResNetConfig config = kSmall;
  config.block = ResNetBlock::bottleneck;
  config.unseen = {BottleneckStride::in_1x1, 1.001e-5};
  return config;
}

TEST_CASE("what the tensors of a model do not show comes back from its file") {
  const TemporaryFolder folder;
  const Placement where{DType::f32, Device::cpu};
  Generator random(1);
  const ResNet written(unusual(), random, where);
  write_model_file(folder / "m.h5", written, info_of_three());
  const WeightsFile whole = read_hdf5(folder / "m.h5");
  CHECK(whole.attributes.at("format") == "tlrun model 2");
  CHECK(whole.attributes.at("unseen") == R"({"bottleneck_stride":"1x1","epsilon":1.001e-05})");
  CHECK(read_model_file(folder / "m.h5").config() == unusual());
  const LoadedModel model = load_model(folder / "m.h5", where);
  CHECK(model.network->config == unusual());

  // A head alone, over that file.
  const BackboneSource source{(folder / "m.h5").string(), 0, checksum_of_backbone(written)};
  write_head_file(folder / "head.h5", written, info_of_three(), source);
  CHECK(load_model(folder / "head.h5", where).network->config == unusual());
  // The same numbers in a network that computes something else.
  WeightsFile file = whole;
  file.attributes.erase("unseen");
  write_hdf5(folder / "m.h5", file);
  CHECK(read_model_file(folder / "m.h5").config().unseen == UnseenConfig{});
  CHECK(load_error(folder / "head.h5").find("is not the one that this head was trained on") !=
        std::string::npos);

  const auto error_with = [&](const std::string& text) {
    file.attributes["unseen"] = text;
    write_hdf5(folder / "m.h5", file);
    const std::string error = load_error(folder / "m.h5");
    return error.substr(std::min(error.size(), (folder / "m.h5").string().size()));
  };
  CHECK(error_with("{}") == "");
  CHECK(error_with("1x1") == ": attribute 'unseen' is no JSON object");
  CHECK(error_with(R"({"epsilon":"small"})") ==
        R"(: attribute 'unseen' says {"epsilon":"small"}, which this tlrun does not know)");
  CHECK(error_with(R"({"bottleneck_stride":"2x2"})") ==
        R"(: attribute 'unseen' says {"bottleneck_stride":"2x2"}, which this tlrun does not know)");
  CHECK(error_with("{\"\xff\":1}") == ": attribute 'unseen' is no JSON object");
  CHECK(
      error_with(R"({"epsilon":0})").ends_with(": batch norm's epsilon is above 0 and at most 1"));
}

TEST_CASE("the version of a model file: a newer one is refused in words") {
  const TemporaryFolder folder;
  const auto path = folder / "m.h5";
  write_small(path);
  const WeightsFile whole = read_hdf5(path);
  CHECK(whole.attributes.at("format") == "tlrun model 1");  // an older program reads it
  CHECK(!whole.attributes.contains("unseen"));
  const auto refusal = [&](const std::string& format) {
    WeightsFile file = whole;
    file.attributes["format"] = format;
    write_hdf5(path, file);
    const std::string error = load_error(path);
    std::string plain;
    try {
      read_model_file(path);
    } catch (const Error& e) {
      plain = e.what();
    }
    CHECK(plain == error);
    return error.substr(std::min(error.size(), path.string().size()));
  };
  CHECK(refusal("tlrun model 1") == "");
  CHECK(refusal("tlrun model 2") == "");
  CHECK(refusal("tlrun model 3") ==
        ": written by a newer tlrun: format 'tlrun model 3', this one reads up to version 2");
  CHECK(refusal("tlrun model 10") ==
        ": written by a newer tlrun: format 'tlrun model 10', this one reads up to version 2");
  CHECK(refusal("tlrun head 3") ==
        ": written by a newer tlrun: format 'tlrun head 3', this one reads up to version 2");
  for (const std::string format :
       {"keras", "tlrun model", "tlrun model ", "tlrun model 0", "tlrun model -1",
        "tlrun model 1.5", "tlrun model 1 ", "tlrun model 99999999999", "tlrun models 1"}) {
    CHECK(refusal(format) ==
          concat(": attribute 'format' is '", format, "', expected 'tlrun model 2' or none"));
  }
}

TEST_CASE("a model whose tensors lie in groups is the same model") {
  const TemporaryFolder folder;
  const auto path = folder / "m.h5";
  write_small(path);
  WeightsFile file = read_hdf5(path);
  for (auto& [name, array] : file.arrays) std::replace(name.begin(), name.end(), '.', '/');
  write_hdf5(folder / "nested.h5", file);
  CHECK(read_hdf5(folder / "nested.h5").find("layer1/0/conv1/weight") != nullptr);
  CHECK(read_model_file(folder / "nested.h5").config() == kSmall);
  const LoadedModel flat = load_model(path, {DType::f32, Device::cpu});
  const LoadedModel nested = load_model(folder / "nested.h5", {DType::f32, Device::cpu});
  const auto expected = flat.network->state(), found = nested.network->state();
  REQUIRE(expected.size() == found.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(found[i].tensor.to_vector<float>() == expected[i].tensor.to_vector<float>());
}

TEST_CASE("any tensor of a wrong shape or type, or without numbers, is named in one line") {
  const TemporaryFolder folder;
  const auto path = folder / "m.h5";
  write_small(path);
  const WeightsFile whole = read_hdf5(path);
  const auto damaged = [](const Array& array, std::size_t how) {
    const Tensor x = to_tensor(array);
    Shape shape = x.shape();
    std::vector<float> values = x.to_vector<float>();
    switch (how) {
      case 0:  // the right numbers in a wrong rank
        shape = x.rank() == 1 ? Shape{1, x.size()} : Shape{x.size()};
        return to_array(Tensor::from(values, shape, DType::f32, Device::ref));
      case 1:
        return to_array(Tensor::zeros(shape, DType::i32, Device::ref));
      case 2:
        return to_array(Tensor::zeros(shape, DType::u8, Device::ref));
      case 3:
        values[values.size() / 2] = std::numeric_limits<float>::quiet_NaN();
        return to_array(Tensor::from(values, shape, DType::f32, Device::ref));
      case 4:
        values.back() = -std::numeric_limits<float>::infinity();
        return to_array(Tensor::from(values, shape, DType::f32, Device::ref));
      default:
        return to_array(Tensor::zeros({0}, DType::f32, Device::ref));
    }
  };
  int files = 0;
  for (std::size_t i = 0; i < whole.arrays.size(); ++i) {
    for (const std::size_t how : {i % 6, (i + 3) % 6}) {
      WeightsFile file = whole;
      auto& [name, array] = file.arrays[i];
      array = damaged(array, how);
      write_hdf5(path, file);
      const std::string error = load_error(path);
      CAPTURE(how);
      CAPTURE(name);
      CAPTURE(error);
      CHECK(error.starts_with(path.string() + ": "));
      CHECK(error.find(name) != std::string::npos);
      CHECK(error.find('\n') == std::string::npos);
      ++files;
    }
  }
  CHECK(files > 100);
}

}  // namespace tl::test
