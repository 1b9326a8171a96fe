// Files that Keras wrote (tests/peers/keras_files.py made them): the same logits as Keras's own,
// from the file and from ours that is made of it.
#include "apps/keras_file.h"

#include <doctest/doctest.h>

#include <cmath>

#include "io/hdf5_weights.h"
#include "io/read_weights.h"
#include "nn/frozen.h"
#include "tests/support/compare.h"
#include "tests/support/unpacked_golden.h"

namespace tl::test {
namespace {

const std::string kFolder = TL_SOURCE_DIR "/tests/golden/keras/";

/// Of the golden pictures, as the model's preprocessing makes numbers of them.
std::vector<double> logits_of(const std::filesystem::path& path) {
  const ModelFile file = read_model_file(path);
  Generator random = Generator::of_zeros();
  ResNet network(file.config(), random, {DType::f64, Device::ref});
  const ImportReport report = import_weights(network, file.tensors);
  CHECK(report.missing.empty());
  CHECK(report.wrong_shape.empty());
  network.eval();
  const WeightsFile expected = read_hdf5(kFolder + "expected.h5");
  const Array& pixels = *expected.find("pixels");
  const Image pictures{pixels.shape[0] * pixels.shape[1],
                       pixels.shape[2],
                       {pixels.as<uint8_t>().begin(), pixels.as<uint8_t>().end()}};
  std::vector<float> x(static_cast<std::size_t>(pixels.count()));
  normalise(pictures, file.preprocessing.value(), x.data());
  const Tensor input =
      Tensor::from(std::span<const float>(x), Shape(pixels.shape), DType::f64, Device::ref);
  return network(input).to_vector<double>();
}

std::vector<double> expected_logits(const std::string& name) {
  const WeightsFile expected = read_hdf5(kFolder + "expected.h5");
  const auto values = expected.find(name)->as<float>();
  return {values.begin(), values.end()};
}

constexpr double kKerasBound = 1e-4;  // Keras computed in f32

TEST_CASE("keras file: logits are Keras's own") {
  for (const char* name : {"keras3_trained.h5", "keras3_own_head.keras", "keras3_rescaling.h5",
                           "keras3_rescaling.keras", "keras2_old_names.h5", "keras2.weights.h5"}) {
    CAPTURE(std::string(name));
    const UnpackedGolden file(concat("keras/", name));
    CHECK(relative_distance(logits_of(file.path()), expected_logits(name)) <= kKerasBound);
  }
}

TEST_CASE("keras file: what is not in the tensors") {
  const ModelFile trained = read_model_file(UnpackedGolden("keras/keras3_trained.h5").path());
  CHECK(trained.config().unseen == UnseenConfig{BottleneckStride::in_1x1, 1.001e-5});
  CHECK(trained.config().depths == std::vector<int>{2, 1, 1, 1});
  CHECK(trained.config().classes == 3);
  CHECK(trained.preprocessing == caffe_preprocessing());
  CHECK(!trained.info.has_value());
  for (const auto& [name, tensor] : trained.tensors) CHECK(name.find("adam") == std::string::npos);
  CHECK(
      read_model_file(UnpackedGolden("keras/keras2_old_names.h5").path()).config().unseen.epsilon ==
      1e-3);
  const Preprocessing halves =
      *read_model_file(UnpackedGolden("keras/keras3_rescaling.h5").path()).preprocessing;
  CHECK(halves.mean == std::array{0.5f, 0.5f, 0.5f});
  CHECK(halves.std == std::array{0.5f, 0.5f, 0.5f});
}

TEST_CASE("keras file: a model of ours that was made of it needs no other file") {
  const UnpackedGolden file("keras/keras3_trained.h5");
  const TemporaryFolder folder;
  const ModelFile keras = read_model_file(file.path());
  Generator random = Generator::of_zeros();
  ResNet network(keras.config(), random, {DType::f32, Device::cpu});
  import_weights(network, keras.tensors);
  write_model_file(folder / "ours.h5", network, {{"a", "b", "c"}, *keras.preprocessing});
  CHECK(load_model(folder / "ours.h5", {}).info.preprocessing == caffe_preprocessing());
  CHECK(relative_distance(logits_of(folder / "ours.h5"), expected_logits("keras3_trained.h5")) <=
        kKerasBound);
}

TEST_CASE("keras file: the layers of a whole model that stand before the network") {
  const UnpackedGolden golden("keras/keras3_rescaling.h5");
  const WeightsFile whole = read_weights(golden.path());
  const auto with_config = [&](const std::string& text) {
    WeightsFile file = whole;
    file.attributes["model_config"] = text;
    ModelFile model;
    const bool is_keras = read_keras(file, model);
    CHECK(is_keras);
    return *model.preprocessing;
  };
  const auto with_layers = [&](const std::string& layers) {
    return with_config(R"({"class_name":"Functional","config":{"layers":[)" + layers + "]}}");
  };
  const auto error_with = [&](const std::string& layers) -> std::string {
    try {
      with_layers(layers);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  const std::string by_255 =
      R"({"class_name":"Rescaling","config":{"scale":0.00392156862745098,"offset":0.0}})";
  const Preprocessing plain = with_layers(by_255);
  CHECK(plain.mean == std::array{0.0f, 0.0f, 0.0f});
  for (const float std : plain.std) CHECK(std == doctest::Approx(1).epsilon(1e-6));
  // Per channel, and in a model in the model.
  const Preprocessing channels = with_layers(
      R"({"class_name":"Sequential","config":{"layers":[{"class_name":"InputLayer","config":{}},
         {"class_name":"Rescaling","config":{"scale":[0.5,1,2],"offset":[-1,0,4]}}]}})");
  for (const int v : {0, 100, 255}) {
    for (std::size_t c = 0; c < 3; ++c) {
      const double expected = v * std::array{0.5, 1.0, 2.0}[c] + std::array{-1.0, 0.0, 4.0}[c];
      const double got = (v / 255.0 - channels.mean[c]) / channels.std[c];
      CHECK(got == doctest::Approx(expected).epsilon(1e-5));
    }
  }
  for (const char* nothing : {"", "{", "[]", "7", R"({"config":7})", R"({"config":{"layers":7}})",
                              R"({"config":{"layers":[[[]],7,{"config":[]}]}})"})
    CHECK(with_config(nothing) == caffe_preprocessing());
  CHECK_THROWS_WITH_AS(with_config(std::string(100'000, '[')), "JSON nested over 256 deep", Error);

  CHECK(error_with(by_255 + "," + by_255) == "has 2 layers Rescaling, expected one");
  CHECK(error_with(R"({"class_name":"Normalization","config":{}})")
            .starts_with("has a layer Normalization, which is not read"));
  CHECK(error_with(R"({"class_name":"Rescaling","config":{"scale":"x"}})") ==
        "its layer Rescaling has no scale that is a number");
  CHECK(error_with(R"({"class_name":"Rescaling","config":{"scale":[1,2]}})") ==
        "its layer Rescaling has no scale that is a number");
  CHECK(error_with(R"({"class_name":"Rescaling","config":{"scale":0}})") ==
        "its layer Rescaling has the scale 0 and the offset 0");
  CHECK(error_with(R"({"class_name":"Rescaling","config":{"scale":1e300}})")
            .starts_with("its layer Rescaling has the scale "));
  CHECK(error_with(R"({"class_name":"Rescaling","config":[]})") ==
        "has 1 layers Rescaling, expected one");
}

TEST_CASE("keras file: other files are left alone") {
  WeightsFile file;
  file.arrays.emplace_back("conv1.weight", Array{{0, 3, 7, 7}, DType::f32, nullptr});
  ModelFile model;
  CHECK(!read_keras(file, model));
  CHECK(model.tensors.empty());
  CHECK(!model.preprocessing.has_value());
}

}  // namespace
}  // namespace tl::test
