// A first layer for another number of channels, in numbers and in what a network computes.
#include "models/first_layer.h"

#include "models/resnet.h"
#include "models/weight_names.h"
#include "tests/support/compare.h"
#include "tests/support/op_errors.h"
#include "tests/support/random.h"
#include "tests/support/random_state.h"
#include "tests/support/ref_placement.h"

namespace tl::test {
namespace {

std::map<std::string, Tensor> filters(const char* name, const std::vector<double>& values,
                                      const Shape& shape) {
  return {{name, Tensor::from(values, shape, DType::f64, Device::ref)}};
}

TEST_CASE("first layer: the channels' sum, in equal shares") {
  auto colour = filters("conv1.weight", {1, 2, 10, 20, 100, 200, 5, 6, 7, 8, 9, 10}, {2, 3, 1, 2});
  adapt_first_layer(colour, 3);
  CHECK(colour.at("conv1.weight").to_vector<double>()[2] == 10);
  adapt_first_layer(colour, 1);
  CHECK(colour.at("conv1.weight").shape() == Shape{2, 1, 1, 2});
  CHECK(colour.at("conv1.weight").to_vector<double>() == std::vector<double>{111, 222, 21, 24});

  auto grey = filters("conv1.0.weight", {3, 6}, {1, 1, 1, 2});
  adapt_first_layer(grey, 3);
  CHECK(grey.at("conv1.0.weight").shape() == Shape{1, 3, 1, 2});
  CHECK(grey.at("conv1.0.weight").to_vector<double>() == std::vector<double>{1, 2, 1, 2, 1, 2});

  auto four = filters("conv1.weight", {1, 2, 3, 4}, {1, 4, 1, 1});
  adapt_first_layer(four, 2);
  CHECK(four.at("conv1.weight").to_vector<double>() == std::vector<double>{5, 5});

  std::map<std::string, Tensor> no_float = {
      {"conv1.weight", Tensor::zeros({1, 1, 3, 3}, DType::i32, Device::ref)}};
  CHECK_ERROR(adapt_first_layer(no_float, 3), "conv1.weight: file i32, not a float");
}

TEST_CASE("first layer: a grey picture gives what it gave before") {
  for (const ResNetStem stem : {ResNetStem::conv7_pool, ResNetStem::deep_pool}) {
    for (const auto& [from, to] : {std::pair<std::int64_t, std::int64_t>{1, 3}, {3, 1}, {4, 3}}) {
      CAPTURE(from);
      CAPTURE(to);
      ResNetConfig config{.depths = {1, 1, 1, 1}, .width = 4, .in_channels = from, .classes = 5};
      config.stem = stem;
      Generator random(1);
      ResNet trained(config, random, kRef);
      randomize_state(trained, 2);
      auto tensors = export_weights(trained);
      adapt_first_layer(tensors, to);
      config.in_channels = to;
      ResNet adapted(config, random, kRef);
      const ImportReport report = import_weights(adapted, tensors);
      CHECK(report.matched.size() == adapted.state().size());

      Random values(3);
      const Tensor grey =
          Tensor::from(values.uniform_vector(2 * 17 * 19), {2, 17, 19, 1}, DType::f64, Device::ref);
      const auto repeated = [&](std::int64_t channels) {
        return concat(std::vector<Tensor>(static_cast<std::size_t>(channels), grey), 3);
      };
      trained.eval();
      adapted.eval();
      check_close(adapted(repeated(to)).to_vector<double>(),
                  trained(repeated(from)).to_vector<double>(), 1e-12, "logits");
    }
  }
}

}  // namespace
}  // namespace tl::test
