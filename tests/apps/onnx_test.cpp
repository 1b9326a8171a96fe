// ONNX models: read back and run, they are the network; and they say what a user has to know.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "apps/array_tensor.h"
#include "apps/onnx/onnx_builder.h"
#include "apps/onnx/write_onnx.h"
#include "io/file_bytes.h"
#include "io/hdf5_weights.h"
#include "nn/layers.h"
#include "tests/apps/onnx_interpreter.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"
#include "tests/support/random_state.h"
#include "tests/support/ref_placement.h"
#include "tests/support/resnet_forms.h"
#include "tests/support/temporary_folder.h"

namespace tl::test {
namespace {

onnx::ModelProto parsed_model(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file_bytes(path);
  onnx::ModelProto model;
  REQUIRE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return model;
}

std::unique_ptr<ResNet> random_network(const ResNetConfig& config, Placement where = {}) {
  Generator random(1);
  auto network = std::make_unique<ResNet>(config, random, where);
  randomize_state(*network, 2);
  network->eval();
  return network;
}

Tensor pictures(const Shape& shape) {
  Random random(3);
  return Tensor::from(random.uniform_vector(shape.size()), shape, DType::f64, Device::ref);
}

onnx::ModelProto exported(const ResNet& network, int crop = 64) {
  const TemporaryFolder folder;
  write_onnx(folder / "x.onnx", network, {.crop = crop}, std::nullopt);
  return parsed_model(folder / "x.onnx");
}

}  // namespace

TEST_CASE("onnx: a network of every form computes what ours does") {
  for (const ResNetForm& form : resnet_forms()) {
    INFO(std::string(form.name));
    const onnx::ModelProto model = exported(*random_network(form.config));
    const auto expected = random_network(form.config, kRef);
    for (const Shape& shape :
         {Shape{2, 33, 35, form.config.in_channels}, Shape{1, 64, 64, form.config.in_channels}}) {
      const Tensor x = pictures(shape);
      const Tensor y = OnnxInterpreter(model.graph()).run(x);
      CHECK(y.shape() == Shape{shape[0], form.config.classes});
      // f32 weights, folded in f64 and rounded once; the arithmetic here is f64.
      check_close(y.to_vector<double>(), (*expected)(x).to_vector<double>(), 1e-5, "logits");
    }
  }
}

TEST_CASE("onnx: PyTorch's networks give PyTorch's logits") {
  for (const char* name : {"resnet_basic_w4.h5", "resnet_bottleneck_w4.h5", "resnet_wide_w2.h5",
                           "resnet_groups_w2.h5", "resnet_cifar_w4.h5"}) {
    CAPTURE(std::string(name));
    const WeightsFile file = read_hdf5(std::string(TL_SOURCE_DIR "/tests/golden/") + name);
    std::map<std::string, Tensor> weights;
    std::map<std::string, Shape> shapes;
    const std::string folder = "weights/";
    for (const auto& [key, array] : file.arrays) {
      if (!key.starts_with(folder)) continue;
      const std::string own = key.substr(folder.size());
      shapes.emplace(own, Shape(array.shape));
      weights.emplace(own, to_tensor(array));
    }
    Generator random = Generator::of_zeros();
    ResNet network(recognise_resnet(shapes), random);
    REQUIRE(import_weights(network, weights).missing.empty());
    network.eval();
    const Array* images = file.find("images");
    const Array* logits = file.find("forward/logits");
    REQUIRE(images != nullptr);
    REQUIRE(logits != nullptr);
    const Tensor x = filter_from_file(
        Tensor::from(images->as<float>(), Shape(images->shape), DType::f64, Device::ref));
    const Tensor y = OnnxInterpreter(exported(network).graph()).run(x);
    const auto expected = logits->as<double>();
    check_close(y.to_vector<double>(), {expected.begin(), expected.end()}, 1e-5, "logits");
  }
}

TEST_CASE("onnx: nodes, initialisers and shapes of a narrow network") {
  const ResNetConfig config{.depths = {1, 1, 1, 1}, .width = 4, .classes = 3};
  const onnx::ModelProto model = exported(*random_network(config), 96);
  CHECK(model.ir_version() == 8);
  REQUIRE(model.opset_import_size() == 1);
  CHECK(model.opset_import(0).domain().empty());
  CHECK(model.opset_import(0).version() == 17);
  CHECK(model.producer_name() == "tlrun");

  const onnx::GraphProto& graph = model.graph();
  REQUIRE(graph.input_size() == 1);
  REQUIRE(graph.output_size() == 1);
  CHECK(graph.input(0).name() == "input");
  CHECK(graph.output(0).name() == "logits");
  const auto& in = graph.input(0).type().tensor_type();
  const auto& out = graph.output(0).type().tensor_type();
  CHECK(in.elem_type() == onnx::TensorProto::FLOAT);
  REQUIRE(in.shape().dim_size() == 4);
  CHECK(in.shape().dim(0).dim_param() == "batch");
  CHECK(in.shape().dim(1).dim_value() == 3);
  CHECK(in.shape().dim(2).dim_value() == 96);
  CHECK(in.shape().dim(3).dim_value() == 96);
  REQUIRE(out.shape().dim_size() == 2);
  CHECK(out.shape().dim(0).dim_param() == "batch");
  CHECK(out.shape().dim(1).dim_value() == 3);

  std::map<std::string, int> nodes;
  for (const onnx::NodeProto& node : graph.node()) ++nodes[node.op_type()];
  // Stem, 4 blocks of 2, 3 shortcuts; no batch norm is left.
  CHECK(nodes == std::map<std::string, int>{{"Conv", 12},
                                            {"Relu", 9},
                                            {"Add", 4},
                                            {"MaxPool", 1},
                                            {"GlobalAveragePool", 1},
                                            {"Flatten", 1},
                                            {"Gemm", 1}});
  CHECK(graph.node(0).name() == "conv1");
  CHECK(graph.node(graph.node_size() - 1).name() == "fc");

  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const onnx::TensorProto& t : graph.initializer())
    shapes[t.name()] = {t.dims().begin(), t.dims().end()};
  CHECK(shapes.size() == 26);
  CHECK(shapes.at("conv1.weight") == std::vector<std::int64_t>{4, 3, 7, 7});
  CHECK(shapes.at("layer2.0.downsample.0.weight") == std::vector<std::int64_t>{8, 4, 1, 1});
  CHECK(shapes.at("layer4.0.conv2.bias") == std::vector<std::int64_t>{32});
  CHECK(shapes.at("fc.weight") == std::vector<std::int64_t>{3, 32});
}

TEST_CASE("onnx: poolings, a ReLU alone, a bias and a dilation") {
  Generator random(1);
  Sequential network;
  network.append<Conv2d>(3, 5, 3, Conv2dOptions{.pad = 2, .dilation = 2}, random, kRef,
                         ConvStart::alone);
  network.append<Relu>();
  network.append<MaxPool2d>(
      MaxPool2dOptions{.kernel = {3, 2}, .stride = {2, 1}, .pad = {1, 0}, .ceil_mode = true});
  network.append<AveragePool2d>(
      AveragePool2dOptions{.kernel = 2, .ceil_mode = true, .count_include_pad = false});
  network.append<AveragePool2d>(AveragePool2dOptions{.kernel = 3, .stride = 2, .pad = 1});
  network.append<GlobalAveragePool>();
  network.append<Linear>(5, 4, random, kRef);
  onnx::GraphProto graph;
  OnnxBuilder builder(network, graph);
  builder.output("y", network.lower(builder, builder.input("x", {1, 16, 19, 3})));
  const Tensor x = pictures({2, 16, 19, 3});
  check_close(OnnxInterpreter(graph).run(x).to_vector<double>(), network(x).to_vector<double>(),
              1e-6, "y");
  CHECK(graph.node(3).name() == "average_pool");
  CHECK(graph.node(4).name() == "average_pool_2");
}

TEST_CASE("onnx: the metadata is what our model files say; equal networks give equal bytes") {
  const TemporaryFolder folder;
  const auto network = random_network({.depths = {1, 1, 1, 1}, .width = 4, .classes = 2});
  Preprocessing how{.resize = 40, .crop = 32};
  how.mean = {0.5f, 0.25f, 0.125f};
  const std::vector<std::string> classes = {"ant", "naïve \"quoted\""};
  const OnnxSummary summary = write_onnx(folder / "a.onnx", *network, how, classes);
  write_onnx(folder / "b.onnx", *network, how, classes);
  CHECK(read_file_bytes(folder / "a.onnx") == read_file_bytes(folder / "b.onnx"));
  CHECK(summary.bytes == std::filesystem::file_size(folder / "a.onnx"));
  const onnx::ModelProto model = parsed_model(folder / "a.onnx");
  CHECK(summary.nodes == static_cast<std::size_t>(model.graph().node_size()));
  std::map<std::string, std::string> metadata;
  for (const auto& entry : model.metadata_props()) metadata[entry.key()] = entry.value();
  CHECK(preprocessing_from_json(metadata["preprocessing"]) == how);
  CHECK(nlohmann::json::parse(metadata["classes"]).get<std::vector<std::string>>() == classes);
  CHECK(metadata["architecture"] == name_of(network->config));

  write_onnx(folder / "plain.onnx", *network, how, std::nullopt);
  const onnx::ModelProto plain = parsed_model(folder / "plain.onnx");
  for (const auto& entry : plain.metadata_props()) CHECK(entry.key() != "classes");
}

}  // namespace tl::test
