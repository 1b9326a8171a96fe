// Keras's names and numbers as torchvision's, on files that are lists of names and shapes. Whole
// networks, in files of Keras's own making, are in tests/apps/keras_file_test.cpp.
#include "models/keras_names.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace tl {
namespace {

using Shapes = std::map<std::string, Shape>;

/// How a dialect writes a tensor of a layer: layer "conv2_block1_1_conv", part "kernel".
using Writer = std::function<std::string(const std::string& layer, const std::string& part)>;

std::string since_keras_2(const std::string& layer, const std::string& part) {
  return layer + "/" + layer + "/" + part + ":0";
}

constexpr std::int64_t kWidth = 2, kClasses = 5;

void add_conv(Shapes& file, const Writer& name, const std::string& layer, Shape kernel) {
  file[name(layer, "bias")] = {kernel[3]};
  file[name(layer, "kernel")] = std::move(kernel);
}

void add_norm(Shapes& file, const Writer& name, const std::string& layer, std::int64_t c) {
  for (const char* part : {"gamma", "beta", "moving_mean", "moving_variance"})
    file[name(layer, part)] = {c};
}

/// One layer of a block and its batch norm, by stage (1 is the first), block, and 0 for the
/// shortcut, else 1 to 3.
using LayerName = std::function<std::string(int stage, int block, int number, bool is_norm)>;

/// Stages of two blocks, but for the last.
Shapes network(const Writer& name, const LayerName& layer, const std::string& stem_conv,
               const std::string& stem_norm) {
  Shapes file;
  add_conv(file, name, stem_conv, {7, 7, 3, kWidth});
  add_norm(file, name, stem_norm, kWidth);
  std::int64_t c_in = kWidth;
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t w = kWidth << (stage - 1);
    for (int block = 1; block <= (stage == 4 ? 1 : 2); ++block) {
      const auto add = [&](int number, Shape kernel) {
        const std::int64_t c = kernel[3];
        add_conv(file, name, layer(stage, block, number, false), std::move(kernel));
        add_norm(file, name, layer(stage, block, number, true), c);
      };
      add(1, {1, 1, c_in, w});
      add(2, {3, 3, w, w});
      if (block == 1) add(0, {1, 1, c_in, 4 * w});
      add(3, {1, 1, w, 4 * w});
      c_in = 4 * w;
    }
  }
  return file;
}

std::string new_layer(int stage, int block, int number, bool is_norm) {
  return concat("conv", stage + 1, "_block", block, "_", number, is_norm ? "_bn" : "_conv");
}

std::string old_layer(int stage, int block, int number, bool is_norm) {
  const std::string branch = number == 0 ? "1" : concat("2", static_cast<char>('a' + number - 1));
  return concat(is_norm ? "bn" : "res", stage + 1, static_cast<char>('a' + block - 1), "_branch",
                branch);
}

Shapes new_network(const Writer& name = since_keras_2) {
  Shapes file = network(name, new_layer, "conv1_conv", "conv1_bn");
  add_conv(file, name, "predictions", {1, 1, 1, kClasses});
  file[name("predictions", "kernel")] = {32 * kWidth, kClasses};
  return file;
}

/// layers/conv2d_3/vars/0, in the order in which Keras saves the layers of new_network().
Shapes numbered_network(const std::string& model = "layers/") {
  std::map<std::string, std::string> paths{{"predictions", "layers/dense"}};
  int count = 0;
  const auto give = [&](const std::string& conv, const std::string& norm) {
    const std::string end = count ? concat("_", count) : "";
    paths[conv] = model + "conv2d" + end;
    paths[norm] = model + "batch_normalization" + end;
    ++count;
  };
  give("conv1_conv", "conv1_bn");
  for (int stage = 1; stage <= 4; ++stage)
    for (int block = 1; block <= (stage == 4 ? 1 : 2); ++block)
      for (const int number : {1, 2, 0, 3})
        if (number != 0 || block == 1)
          give(new_layer(stage, block, number, false), new_layer(stage, block, number, true));
  const std::map<std::string, int> numbers{{"kernel", 0},      {"bias", 1},
                                           {"gamma", 0},       {"beta", 1},
                                           {"moving_mean", 2}, {"moving_variance", 3}};
  return new_network([&](const std::string& layer, const std::string& part) {
    return concat(paths.at(layer), "/vars/", numbers.at(part));
  });
}

const ResNetConfig kExpected{
    .block = ResNetBlock::bottleneck, .depths = {2, 2, 2, 1}, .width = kWidth, .classes = kClasses};

KerasResNet found_in(const Shapes& file) {
  const std::optional<KerasResNet> found = find_keras_resnet(file);
  REQUIRE(found.has_value());
  CHECK(found->unseen.bottleneck_stride == BottleneckStride::in_1x1);
  return *found;
}

std::string error_of(const Shapes& file) {
  try {
    find_keras_resnet(file);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_CASE("keras names: every dialect is the same network") {
  struct {
    const char* what;
    Shapes file;
    double epsilon;
    const char* a_norm;  // the file's name of layer2.1.bn3's mean
    const char* a_bias;  // and of the convolution's bias before it
  } const cases[] = {
      {"Keras 2", new_network(), 1.001e-5, "conv3_block2_3_bn/conv3_block2_3_bn/moving_mean:0",
       "conv3_block2_3_conv/conv3_block2_3_conv/bias:0"},
      {"Keras 3, a model around it", new_network([](const auto& layer, const auto& part) {
         return "model_weights/resnet/" + layer + "/" + part;
       }),
       1.001e-5, "model_weights/resnet/conv3_block2_3_bn/moving_mean",
       "model_weights/resnet/conv3_block2_3_conv/bias"},
      {"Keras 1",
       network(
           [](const std::string& layer, const std::string& part) {
             const std::map<std::string, std::string> old{{"kernel", "W"},
                                                          {"bias", "b"},
                                                          {"gamma", "gamma"},
                                                          {"beta", "beta"},
                                                          {"moving_mean", "running_mean"},
                                                          {"moving_variance", "running_std"}};
             return layer + "/" + layer + "_" + old.at(part) + "_1:0";
           },
           old_layer, "conv1", "bn_conv1"),
       1e-3, "bn3b_branch2c/bn3b_branch2c_running_mean_1:0", "res3b_branch2c/res3b_branch2c_b_1:0"},
      {"Keras 2.1", network(since_keras_2, old_layer, "conv1", "bn_conv1"), 1e-3,
       "bn3b_branch2c/bn3b_branch2c/moving_mean:0", "res3b_branch2c/res3b_branch2c/bias:0"},
      {"Keras 3, numbered", numbered_network(), 1.001e-5, "layers/batch_normalization_14/vars/2",
       "layers/conv2d_14/vars/1"},
      {"Keras 3, numbered, a model around it", numbered_network("layers/functional/layers/"),
       1.001e-5, "layers/functional/layers/batch_normalization_14/vars/2",
       "layers/functional/layers/conv2d_14/vars/1"},
  };
  for (const auto& c : cases) {
    CAPTURE(std::string(c.what));
    const KerasResNet found = found_in(c.file);
    ResNetConfig config = recognise_resnet(found.shapes);
    const bool has_head = c.epsilon < 1e-4;
    CHECK(config.classes == (has_head ? kClasses : 0));
    config.classes = kClasses;
    CHECK(config == kExpected);
    CHECK(found.unseen.epsilon == c.epsilon);
    CHECK(found.unused.empty());
    CHECK(found.is_blue_first);
    const KerasSource& mean = found.sources.at("layer2.1.bn3.running_mean");
    CHECK(mean.name == c.a_norm);
    CHECK(mean.bias == c.a_bias);
    CHECK(found.sources.at("layer2.1.bn3.weight").bias == "");
    CHECK(found.shapes.at("layer2.0.downsample.0.weight") == Shape{16, 8, 1, 1});
    CHECK(found.sources.contains("layer2.0.downsample.1.running_var"));
    CHECK(!found.sources.contains("layer2.1.downsample.0.weight"));
    CHECK(found.sources.at("bn1.running_mean").bias != "");
  }
}

TEST_CASE("keras names: numbers in a name are the order, not the alphabet") {
  const KerasResNet found = found_in(numbered_network());
  CHECK(found.sources.at("layer1.0.downsample.0.weight").name == "layers/conv2d_3/vars/0");
  CHECK(found.sources.at("layer1.0.conv3.weight").name == "layers/conv2d_4/vars/0");
  CHECK(found.sources.at("layer4.0.conv3.weight").name == "layers/conv2d_25/vars/0");
  CHECK(found.sources.at("fc.bias").name == "layers/dense/vars/1");
}

TEST_CASE("keras names: other files are not Keras's") {
  CHECK(!find_keras_resnet({}).has_value());
  CHECK(!find_keras_resnet({{"conv1.weight", {2, 3, 7, 7}}, {"fc.bias", {5}}}).has_value());
  CHECK(!find_keras_resnet({{"layer1/0/conv1/weight", {2, 2, 3, 3}},
                            {"layer1/0/bn1/bias", {2}},
                            {"fc/bias", {5}},
                            {"kernel", {2, 2}}})
             .has_value());
}

TEST_CASE("keras names: the optimizer's state is nothing, other layers are named") {
  Shapes file = new_network();
  file["optimizer_weights/Adam/m/conv2_block1_1_conv/kernel:0"] = {1, 1, 2, 2};
  file["optimizer_weights/Adam/iter:0"] = {};
  file["optimizer/vars/3"] = {2};
  file["random_flip/StateVar:0"] = {3};
  file["dense/dense/kernel:0"] = {64, 5};
  const KerasResNet found = found_in(file);
  CHECK(found.unused == std::vector<std::string>{"dense/dense/kernel:0", "random_flip/StateVar:0"});
  CHECK(found.sources.at("layer1.0.conv1.weight").name ==
        "conv2_block1_1_conv/conv2_block1_1_conv/kernel:0");
}

TEST_CASE("keras names: which dense layer is the head") {
  Shapes body = new_network();
  const Shape kernel = body.at("predictions/predictions/kernel:0");
  std::erase_if(body, [](const auto& entry) { return entry.first.starts_with("predictions"); });
  CHECK(recognise_resnet(found_in(body).shapes).classes == 0);

  Shapes own = body;
  own["model_weights/my_head/sequential/my_head/kernel"] = kernel;
  const KerasResNet without_bias = found_in(own);
  CHECK(recognise_resnet(without_bias.shapes).classes == kClasses);
  CHECK(without_bias.sources.at("fc.bias").name == "");
  CHECK(without_bias.shapes.at("fc.bias") == Shape{kClasses});

  Shapes two = own;  // a hidden layer: not a head of ours
  two["dense/dense/kernel:0"] = kernel;
  CHECK(recognise_resnet(found_in(two).shapes).classes == 0);
  CHECK(found_in(two).unused.size() == 2);

  Shapes flat = body;  // of all pixels
  flat["dense/dense/kernel:0"] = {49 * kernel[0], kClasses};
  CHECK(recognise_resnet(found_in(flat).shapes).classes == 0);
}

TEST_CASE("keras names: other networks of Keras are refused in words") {
  Shapes v2 = new_network();
  add_norm(v2, since_keras_2, "conv2_block1_preact_bn", 2);
  CHECK(error_of(v2).starts_with("is a ResNetV2 of Keras (layer conv2_block1_preact_bn), "));
  CHECK(error_of({{"block1_conv1/block1_conv1/kernel:0", {3, 3, 3, 64}},
                  {"block1_conv2/block1_conv2/kernel:0", {3, 3, 64, 64}},
                  {"fc1/fc1/kernel:0", {25088, 4096}},
                  {"fc2/fc2/kernel:0", {4096, 4096}}}) ==
        "is a Keras file, but no ResNet of keras.applications: its layers are block1_conv1, "
        "block1_conv2, fc1 and 1 more");

  Shapes twice = new_network();
  twice["other/conv1_bn/gamma:0"] = {2};
  CHECK(error_of(twice) == "has two layers called conv1_bn");

  Shapes numbered = numbered_network();
  std::erase_if(numbered, [](const auto& entry) {
    return entry.first.starts_with("layers/batch_normalization_4/");
  });
  CHECK(error_of(numbered).starts_with(
      "is a Keras file of 26 convolutions and 25 batch norms, expected one batch norm for each"));
  numbered = numbered_network();
  for (const char* layer : {"conv2d_25/vars/0", "conv2d_25/vars/1"})
    numbered.erase(concat("layers/", layer));
  std::erase_if(numbered, [](const auto& entry) {
    return entry.first.starts_with("layers/batch_normalization_25/");
  });
  CHECK(error_of(numbered) ==
        "is a Keras file of 25 convolutions and 25 batch norms, which are not those of ResNet50, "
        "101 or 152");
  CHECK(error_of({{"layers/dense/vars/0", {3, 4}}})
            .starts_with("is a Keras file of 0 convolutions and 0 batch norms, "));
  CHECK(error_of({{"layers/conv2d/vars/0", {3}}, {"layers/batch_normalization/vars/0", {3}}})
            .starts_with("is a Keras file of 1 convolutions"));
}

TEST_CASE("keras names: shapes that cannot be are refused") {
  Shapes theano = network(since_keras_2, old_layer, "conv1", "bn_conv1");
  theano["conv1/conv1/kernel:0"] = {2, 3, 7, 7};
  CHECK(error_of(theano) ==
        "conv1/conv1/kernel:0: has shape [2, 3, 7, 7], expected [7, 7, channels, width]; these are "
        "Theano's filters, save them for TensorFlow");
  Shapes flat = new_network();
  flat["conv1_conv/conv1_conv/kernel:0"] = {147, 2};
  CHECK(error_of(flat) ==
        "conv1_conv/conv1_conv/kernel:0: has shape [147, 2], expected [7, 7, channels, width]");
  Shapes bias = new_network();
  bias["conv2_block1_1_conv/conv2_block1_1_conv/bias:0"] = {1};
  CHECK(error_of(bias) ==
        "conv2_block1_1_conv/conv2_block1_1_conv/bias:0: has shape [1], "
        "conv2_block1_1_bn/conv2_block1_1_bn/moving_mean:0 [2]");
}

Tensor counted(const Shape& shape, double first = 0) {
  std::vector<float> values(static_cast<std::size_t>(shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(first + static_cast<double>(i));
  return Tensor::from(std::span<const float>(values), shape, DType::f32, Device::ref);
}

TEST_CASE("keras names: numbers: axes, colours, biases") {
  Shapes file = new_network();
  file.erase("predictions/predictions/bias:0");
  file["unknown"] = {1};
  const KerasResNet found = found_in(file);
  const auto read = [&](const std::string& name) {
    return counted(file.at(name), name.ends_with("moving_mean:0") ? 100 : 0);
  };
  const auto tensors = tensors_from_keras(found, read);
  CHECK(tensors.size() == found.sources.size() + 1);
  CHECK(tensors.at("unknown").shape() == Shape{1});

  // In the file [h, w, c, o], c being blue, green, red.
  const Tensor& stem = tensors.at("conv1.weight");
  CHECK(stem.shape() == Shape{kWidth, 3, 7, 7});
  const auto values = stem.to_vector<float>();
  for (const auto& [o, c, h, w] : {std::array{1, 0, 2, 5}, {0, 1, 6, 6}, {1, 2, 0, 3}}) {
    const int in_file = ((h * 7 + w) * 3 + (2 - c)) * 2 + o;
    CHECK(values[static_cast<std::size_t>(((o * 3 + c) * 7 + h) * 7 + w)] ==
          static_cast<float>(in_file));
  }
  const auto filter = tensors.at("layer1.0.conv2.weight").to_vector<float>();  // [2, 2, 3, 3]
  CHECK(filter[1 * 18 + 0 * 9 + 2 * 3 + 1] == static_cast<float>((2 * 3 + 1) * 4 + 0 * 2 + 1));
  const Tensor& head = tensors.at("fc.weight");
  CHECK(head.shape() == Shape{kClasses, 64});
  CHECK(head.to_vector<float>()[1 * 64 + 7] == 7 * kClasses + 1);
  CHECK(tensors.at("fc.bias").to_vector<float>() == std::vector<float>(kClasses, 0));
  CHECK(tensors.at("bn1.bias").to_vector<float>() == std::vector<float>{0, 1});
  CHECK(tensors.at("bn1.running_mean").to_vector<float>() == std::vector<float>{100, 100});
  CHECK(tensors.at("bn1.running_var").to_vector<float>() == std::vector<float>{0, 1});

  KerasResNet red_first = found;
  red_first.is_blue_first = false;
  const auto as_stored = tensors_from_keras(red_first, read).at("conv1.weight").to_vector<float>();
  CHECK(as_stored[0] == 0);       // [o 0, c 0, 0, 0]
  CHECK(as_stored[2 * 49] == 4);  // [o 0, c 2, 0, 0]
  CHECK(values[0] == 4);
}

}  // namespace
}  // namespace tl
